// @ts-check
/** The code of both pages: show the state, create tasks, and show errors. */

import {Refusal, call} from "./client.js"
import {byId, say, showMessage} from "./elements.js"
import {changed, check, keepPreferences, setValues, showError} from "./fields.js"
import {History} from "./history.js"
import {Session} from "./session.js"
import {showTasks} from "./tasks.js"

const HEADINGS = {
  denied: "Not allowed now",
  full: "Too many tasks",
  credits: "Not enough credits",
}

/**
 * @param {{
 *   asked: () => any,
 *   parameters: (exhibit: any) => [string, string | number][],
 *   use: (exhibit: any, what: "all" | "seed") => void,
 *   onState?: (state: any) => void,
 *   onPreferences?: (preferences: Record<string, string>) => void,
 *   nodesOf?: (task: any) => string[],
 * }} page `asked` returns the body of the request; it may be a promise
 */
export function openStudio({
  asked,
  parameters,
  use,
  onState,
  onPreferences = setValues,
  nodesOf = () => [],
}) {
  const history = new History(parameters, (exhibit, what) => {
    use(exhibit, what)
    changed()
    byId("generate").focus()
    say("The settings were copied to the form.")
  })
  let untouched = true
  const session = new Session(
    (state) => {
      if (untouched) onPreferences(state.preferences)
      untouched = false
      showTasks(state.tasks, nodesOf)
      history.show(state.history)
      onState?.(state)
    },
    () => history.move(),
  )
  byId("form").addEventListener("input", () => {
    untouched = false
  })
  keepPreferences()

  byId("form").addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault()
    const button = byId("generate")
    if (button.getAttribute("aria-disabled") === "true" || !check()) return
    button.setAttribute("aria-disabled", "true")
    try {
      await call("generate", {method: "POST", body: await asked()})
      say("Your task was created.")
    } catch (error) {
      showRefusal(error)
    } finally {
      button.removeAttribute("aria-disabled")
    }
    session.look()
  })
}

/** @param {unknown} error */
function showRefusal(error) {
  if (!(error instanceof Refusal)) {
    showMessage("No answer", "The server cannot be reached. No task was created. Try again.")
  } else if (!error.over && !(error.field && showError(error.field, sentence(error.message)))) {
    const heading = /** @type {Record<string, string>} */ (HEADINGS)[error.problem]
    showMessage(heading ?? "The task was not created", error.message)
  }
}

/** @param {string} text */
function sentence(text) {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
