// @ts-check
/** The page that makes pictures. */

import {byId, tell} from "./elements.js"
import {changed, setValues, values} from "./fields.js"
import {inlined, refuseLarge} from "./files.js"
import {openStudio} from "./studio.js"

/** @param {any} state */
function showAttached({model, vae, role}) {
  const named = Object.entries({Model: model, VAE: vae, Role: role}).filter(([, value]) => value)
  tell(byId("attached"), named.map(([name, value]) => `${name}: ${value}`).join(" · "))
}

async function asked() {
  const [file] = byId("image").files
  return {...values(), ...(file ? {image: await inlined(file)} : {})}
}

byId("image").addEventListener("change", () => refuseLarge(byId("image")))

byId("swap").addEventListener("click", () => {
  const {width, height} = values()
  setValues({width: height, height: width})
  changed()
})

byId("random").addEventListener("click", () => {
  setValues({seed: -1})
  changed()
})

openStudio({
  asked,
  onState: showAttached,
  fits: (item) => !item.workflow,
  use: ({item, seed}, what) =>
    setValues({
      ...(seed === null ? {} : {seed}),
      ...(what === "seed"
        ? {}
        : {
            prompt: item.prompt,
            negative_prompt: item.negativePrompt,
            width: item.width,
            height: item.height,
            steps: item.steps,
            cfg_scale: item.cfgScale,
            sampler: item.sampler,
          }),
    }),
})
