// @ts-check
/** The code of both pages: show the state, create tasks, and show errors. */

import {Refusal, call} from "./client.js"
import {byId, reveal, say, showMessage} from "./elements.js"
import {changed, check, keepPreferences, remember, setValues, showError} from "./fields.js"
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
 *   fits: (item: any) => boolean,
 *   use: (exhibit: any, what: "all" | "seed") => void,
 *   onState?: (state: any) => void,
 *   onPreferences?: (preferences: Record<string, string>) => void,
 *   nodesOf?: (task: any) => string[],
 * }} page `asked` returns the body of the request; it may be a promise
 */
export function openStudio({
  asked,
  fits,
  use,
  onState,
  onPreferences = setValues,
  nodesOf = () => [],
}) {
  const history = new History(fits, (exhibit, what) => {
    use(exhibit, what)
    changed()
    byId("generate").focus()
    say("The settings were copied to the form.")
  })
  /** The task that stays in view until the user does something else. */
  let awaited = ""
  /** @type {Element | undefined} */
  let followed
  for (const what of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(what, () => (awaited = ""), {passive: true})
  }
  /** Scroll to where the awaited task is shown: among those in progress, then in the history. */
  const follow = () => {
    const places = [...document.querySelectorAll(`[data-task="${awaited}"]`)]
    if (places[0] !== followed) reveal(places)
    followed = places[0]
  }
  let untouched = true
  const session = new Session(
    (state) => {
      remember(state.preferences)
      if (untouched) onPreferences(state.preferences)
      untouched = false
      showTasks(state.tasks, nodesOf)
      history.show(state.history)
      follow()
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
      const {id} = await call("generate", {method: "POST", body: await asked()})
      say("Your task was created.")
      awaited = id
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
  } else if (!error.over && !(error.field && showAt(error.field, error.sentence))) {
    const heading = /** @type {Record<string, string>} */ (HEADINGS)[error.problem]
    showMessage(heading ?? "The task was not created", error.message)
  }
}

/**
 * @param {string} field
 * @param {string} text
 */
function showAt(field, text) {
  const shown = showError(field, text)
  document.getElementById(field)?.focus()
  return shown
}
