// @ts-check
/** The tasks in progress, and their progress. */

import {byId, make, say, tell} from "./elements.js"

/** @type {Map<string, {row: any, bar: any, words: any, nodes: any[], said: string}>} */
const rows = new Map()

/**
 * @param {any[]} tasks the unfinished ones, the oldest first
 * @param {(task: any) => string[]} nodesOf the nodes of a task, if they are known
 */
export function showTasks(tasks, nodesOf) {
  const ids = new Set(tasks.map((task) => task.id))
  for (const [id, {row}] of rows) {
    if (ids.has(id)) continue
    row.remove()
    rows.delete(id)
  }
  for (const task of tasks) showTask(task, nodesOf)
  byId("under-way").hidden = tasks.length === 0
  tell(byId("busy"), tasks.length ? `${tasks.length} in progress, ${percent(tasks[0])}` : "")
}

/**
 * @param {any} task
 * @param {(task: any) => string[]} nodesOf
 */
function showTask(task, nodesOf) {
  let shown = rows.get(task.id)
  if (shown === undefined) {
    const title = make("p", {className: "prompt", dir: "auto"}, task.title)
    const bar = make("progress", {max: 1})
    bar.setAttribute("aria-label", `Progress of ${task.title}`)
    const words = make("p", {className: "quiet"})
    const nodes = nodesOf(task).map((label) => make("li", {}, label))
    const list = make("ol", {className: "nodes", hidden: !nodes.length}, ...nodes)
    const row = make("li", {}, title, bar, words, list)
    row.dataset.task = task.id
    shown = {row, bar, words, nodes, said: ""}
    rows.set(task.id, shown)
    byId("tasks").append(shown.row)
  }
  shown.bar.value = task.progress
  shown.words.textContent = described(task)
  showNode(shown.nodes, task.node)
  // Screen readers announce nodes, not every step.
  const briefly = task.status === "running" ? task.node || "Running" : "Waiting"
  if (briefly !== shown.said) say(`${task.title}: ${briefly}`)
  shown.said = briefly
}

/**
 * Mark the running node; of several with one name, the first that has not finished.
 * @param {any[]} nodes
 * @param {string} name
 */
function showNode(nodes, name) {
  const before = nodes.findIndex((node) => node.ariaCurrent === "step")
  const at = nodes.findIndex((node, index) => index >= before && node.textContent === name)
  if (at < 0) return
  nodes.forEach((node, index) => {
    node.ariaCurrent = index === at ? "step" : null
    node.classList.toggle("done", index < at)
  })
}

/** @param {any} task */
function percent({progress}) {
  return `${Math.floor(progress * 100)} %`
}

/** @param {any} task */
function described(task) {
  if (task.status !== "running") {
    return task.ahead ? `Waiting, ${task.ahead} ahead` : "Waiting"
  }
  const parts = [task.node, task.steps ? `step ${task.step} of ${task.steps}` : ""]
  const left = task.secondsLeft ? `about ${Math.ceil(task.secondsLeft)} s left` : ""
  return [percent(task), ...parts, left].filter(Boolean).join(" · ")
}
