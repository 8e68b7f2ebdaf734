// @ts-check
/** What both pages do: show the state, ask for tasks, and say what was refused. */

import {Refusal, call} from "./client.js"
import {byId, say, showMessage} from "./elements.js"
import {changed, check, keepPreferences, setValues, showError} from "./fields.js"
import {History} from "./history.js"
import {Session} from "./session.js"
import {showTasks} from "./tasks.js"

const HEADINGS = {
  denied: "Not possible now",
  full: "One moment",
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
 * }} page `asked` is what the form asks for; it may be a promise
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
    say("The settings are in the form.")
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
      say("Your task was taken.")
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
    showMessage("No answer", "The server cannot be reached. Nothing was made; try again.")
  } else if (!error.over && !(error.field && showError(error.field, sentence(error.message)))) {
    const heading = /** @type {Record<string, string>} */ (HEADINGS)[error.problem]
    showMessage(heading ?? "This did not work", error.message)
  }
}

/** @param {string} text */
function sentence(text) {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
