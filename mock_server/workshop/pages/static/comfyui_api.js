// @ts-check
/** The page that runs workflows: its form has the inputs of the selected workflow. */

import {call} from "./client.js"
import {byId, make, tell} from "./elements.js"
import {setValues, valueOf} from "./fields.js"
import {inlined, refuseLarge} from "./files.js"
import {openStudio} from "./studio.js"

const FILES = ["image", "audio", "video"]

/** @type {any[]} */
let workflows = []

/** @param {string} id */
function workflowOf(id) {
  return workflows.find((workflow) => workflow.id === id)
}

/** @returns {any} the selected version */
function chosen() {
  return workflowOf(byId("workflow_id").value)?.versions[byId("version_id").value]
}

/** Show the versions of the selected workflow; the version of the alias `main` comes first. */
function showVersions() {
  const workflow = workflowOf(byId("workflow_id").value)
  const names = Object.keys(workflow.versions)
  byId("version_id").replaceChildren(...names.map((name) => make("option", {}, name)))
  byId("version_id").value = workflow.aliases.main ?? names[names.length - 1]
  byId("version").hidden = names.length < 2
  tell(byId("about"), workflow.description)
  showInputs()
}

function showInputs() {
  byId("inputs").replaceChildren(...chosen().inputs.map(fieldOf))
}

/** @param {any} input */
function fieldOf(input) {
  const id = `inputs.${input.name}`
  const field = controlOf(input)
  Object.assign(field, {id, name: id, required: input.required})
  field.setAttribute("aria-describedby", `${id}-error`)
  const label = make("label", {htmlFor: id}, input.label || input.name)
  if (input.required) label.append(" ", make("span", {className: "quiet"}, "(required)"))
  const error = make("p", {className: "error", id: `${id}-error`, hidden: true})
  if (field.type === "checkbox") return make("div", {className: "field check"}, field, label, error)
  const narrow = field.type === "number" ? " narrow" : ""
  return make("div", {className: `field${narrow}`}, label, field, error)
}

/** @param {any} input */
function controlOf(input) {
  const value = input.default ?? ""
  if (input.type === "text") return make("textarea", {rows: 2, value, dir: "auto"})
  if (input.type === "boolean") return make("input", {type: "checkbox", checked: value === true})
  if (FILES.includes(input.type)) {
    const file = make("input", {type: "file", accept: `${input.type}/*`})
    file.addEventListener("change", () => refuseLarge(file))
    return file
  }
  const step = input.type === "number" ? "any" : 1
  const least = input.minimum ?? (input.type === "seed" ? -1 : "")
  return make("input", {type: "number", min: least, max: input.maximum ?? "", step, value})
}

async function asked() {
  /** @type {Record<string, any>} */
  const inputs = {}
  for (const {name, type} of chosen().inputs) {
    const field = byId(`inputs.${name}`)
    if (FILES.includes(type)) {
      if (field.files.length) inputs[name] = await inlined(field.files[0])
    } else if (type === "boolean" || field.value !== "") {
      const value = valueOf(field)
      const isLong = field.type === "number" && typeof value === "string"
      // Browsers without rawJSON round a seed of more than 53 bits.
      inputs[name] = isLong ? (JSON.rawJSON?.(value) ?? Number(value)) : value
    }
  }
  return {
    workflow_id: byId("workflow_id").value,
    version_id: byId("version_id").value,
    randomise_seeds: byId("randomise_seeds").checked,
    inputs,
  }
}

/** @param {Record<string, any>} wanted values by name, with the workflow and the version if they are known */
function choose(wanted) {
  if (workflowOf(wanted.workflow_id)) {
    byId("workflow_id").value = wanted.workflow_id
    showVersions()
    if (wanted.version_id in workflowOf(wanted.workflow_id).versions) {
      byId("version_id").value = wanted.version_id
      showInputs()
    }
  }
  setValues(wanted)
}

byId("workflow_id").addEventListener("change", showVersions)
byId("version_id").addEventListener("change", showInputs)

async function begin() {
  try {
    workflows = (await call("workflows")).workflows
    const options = workflows.map(({id, name}) => make("option", {value: id}, name || id))
    byId("workflow_id").replaceChildren(...options)
    showVersions()
  } catch {
    // The session has expired or the server cannot be reached; the page shows that elsewhere.
    if (!workflows.length) setTimeout(begin, 2000)
  }
}

await begin()
openStudio({
  asked,
  onPreferences: choose,
  nodesOf: ({workflow, version}) => {
    const nodes = workflowOf(workflow)?.versions[version]?.nodes ?? []
    return nodes.map((/** @type {any} */ node) => node.label)
  },
  fits: (item) => workflowOf(item.workflow) !== undefined,
  use: ({item, seed}, what) => {
    const seeds = seed === null ? {} : {"inputs.seed": seed, randomise_seeds: false}
    if (what === "seed") return setValues(seeds)
    choose({
      ...seeds,
      workflow_id: item.workflow,
      version_id: item.version,
      "inputs.prompt": item.prompt,
      "inputs.negative": item.negativePrompt,
      "inputs.negative_prompt": item.negativePrompt,
      "inputs.steps": item.steps,
      "inputs.cfg": item.cfgScale,
    })
  },
})
