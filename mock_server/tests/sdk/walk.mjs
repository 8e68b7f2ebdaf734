// The vendor's client, as its readme uses it: upload, create, poll, download, cancel, model, error.
// Prints what it saw as one line of JSON; the test looks at it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Sha256RsaAuthenticateStrategy, TamsSDK } from "tams-sdk";

const [host, appId, keyFile, pictureFile] = process.argv.slice(2);
const seen = {};
console.log = () => {}; // The SDK talks to standard output by itself.

const sdk = new TamsSDK({
  appId,
  host,
  authenticateStrategy: new Sha256RsaAuthenticateStrategy(readFileSync(keyFile, "utf-8")),
});

const order = (requestId, imageResourceId) => ({
  requestId,
  stages: [
    { type: "INPUT_INITIALIZE", inputInitialize: { seed: -1, count: 1, imageResourceId } },
    {
      type: "DIFFUSION",
      diffusion: {
        width: 512,
        height: 512,
        prompts: [{ text: "a lighthouse, 灯塔" }],
        negativePrompts: [{ text: "blurry" }],
        sdModel: "600423083519508503",
        sdVae: "Automatic",
        sampler: "DPM++ 2M Karras",
        steps: 15,
        cfgScale: 7,
      },
    },
  ],
});

const { resourceId } = await sdk.uploadFile({ file: readFileSync(pictureFile) });
seen.resourceId = resourceId;

const { data: created } = await sdk.v1.tamsApiV1ServiceCreateJob(order("sdk-1", resourceId));
seen.created = created.job;

seen.statuses = [];
for (let polls = 0; polls < 20; polls++) {
  const { data } = await sdk.v1.tamsApiV1ServiceGetJob(created.job.id);
  seen.statuses.push(data.job.status);
  seen.job = data.job;
  if (["SUCCESS", "FAILED", "CANCELED"].includes(data.job.status)) break;
}
const picture = await fetch(seen.job.successInfo.images[0].url);
const bytes = Buffer.from(await picture.arrayBuffer());
seen.picture = {
  type: picture.headers.get("content-type"),
  length: bytes.length,
  beginning: bytes.subarray(0, 8).toString("hex"),
  sha256: createHash("sha256").update(bytes).digest("hex"),
};

const { data: other } = await sdk.v1.tamsApiV1ServiceCreateJob(order("sdk-2"));
seen.canceled = (await sdk.v1.tamsApiV1ServiceCancelJob(other.job.id)).data;
seen.afterCancel = (await sdk.v1.tamsApiV1ServiceGetJob(other.job.id)).data.job.status;

seen.model = (await sdk.v1.tamsApiV1ServiceGetModel("600423083519508503")).data.model;

try {
  await sdk.v1.tamsApiV1ServiceGetJob("1");
} catch (error) {
  seen.error = { message: error.message, body: error.response.error };
}

process.stdout.write(JSON.stringify(seen) + "\n");
