// The calls of test_stacks.py with undici, which is the fetch of Node.js, and with node:http.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const [base, token, order, picture] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };

const post = (path, body, more) => fetch(base + path, { method: "POST", headers, body, ...more });
const print = async (check, answer) => console.log(check, answer.status, await answer.text());
// A stream has no known length, so it is sent in chunks.
const stream = (bytes) => ({ body: new Blob([bytes]).stream(), duplex: "half" });

// undici refuses to send Expect, so Node's older client does it.
const postWhenAllowed = () =>
  new Promise((resolve, reject) => {
    const length = Buffer.byteLength(order);
    const { request } = base.startsWith("https:") ? https : http;
    const call = request(`${base}/v1/jobs/credits`, {
      method: "POST",
      headers: { ...headers, Expect: "100-continue", "Content-Length": length },
    });
    call.on("continue", () => call.end(order));
    call.on("error", reject);
    call.on("response", async (answer) => {
      const body = (await answer.toArray()).join("");
      resolve(console.log("expect", answer.statusCode, body));
    });
    call.flushHeaders();
  });

await print("body", await post("/v1/jobs/credits", order));
await print("keep-alive", await post("/v1/jobs/credits", order));
await postWhenAllowed();
await print("chunked", await post("/v1/jobs/credits", undefined, stream(order)));
const { putUrl } = await (await post("/v1/resource/image", "{}")).json();
const pixels = readFileSync(picture);
console.log("upload", (await fetch(putUrl, { method: "PUT", body: pixels })).status);
console.log("chunked-upload", (await fetch(putUrl, { method: "PUT", ...stream(pixels) })).status);
