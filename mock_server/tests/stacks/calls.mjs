// The calls of test_stacks.py with undici, which is the fetch of Node.js, and with node:http.
import { readFileSync } from "node:fs";
import { request } from "node:http";

const [base, token, order, picture] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };

const post = (path, body) => fetch(base + path, { method: "POST", headers, body });
const print = async (answer) => console.log(answer.status, await answer.text());

// undici refuses to send Expect, so node:http does it.
const postWhenAllowed = () =>
  new Promise((resolve, reject) => {
    const length = Buffer.byteLength(order);
    const call = request(`${base}/v1/jobs/credits`, {
      method: "POST",
      headers: { ...headers, Expect: "100-continue", "Content-Length": length },
    });
    call.on("continue", () => call.end(order));
    call.on("error", reject);
    call.on("response", async (answer) => {
      const body = (await answer.toArray()).join("");
      resolve(console.log(answer.statusCode, body));
    });
    call.flushHeaders();
  });

await print(await post("/v1/jobs/credits", order));
await print(await post("/v1/jobs/credits", order));
await postWhenAllowed();
const { putUrl } = await (await post("/v1/resource/image", "{}")).json();
const uploaded = await fetch(putUrl, { method: "PUT", body: readFileSync(picture) });
console.log(uploaded.status, "uploaded");
