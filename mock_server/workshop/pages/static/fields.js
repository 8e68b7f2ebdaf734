// @ts-check
/** The form: its values, the error beside each field, and the user's preferences. */

import {Refusal, call} from "./client.js"
import {byId, tell} from "./elements.js"

const PAUSE = 600

/** @type {Record<string, string>} the values that are saved */
let saved = {}

/** @returns {any[]} the elements that hold values */
function elements() {
  return [...byId("form").elements].filter((element) => element.name)
}

/** @returns {Record<string, any>} numbers as numbers and checkboxes as booleans */
export function values() {
  return Object.fromEntries(
    elements()
      .filter((element) => element.type !== "file")
      .map((element) => [element.name, valueOf(element)]),
  )
}

/** @param {any} element */
export function valueOf(element) {
  if (element.type === "checkbox") return element.checked
  if (element.type !== "number") return element.value
  const number = element.valueAsNumber
  // A seed of 64 bits has more digits than a number keeps.
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? element.value : number
}

/** @param {Record<string, string>} values those that are saved for this user */
export function remember(values) {
  saved = values
}

/** @param {Record<string, any>} wanted values by name; unknown names are ignored */
export function setValues(wanted) {
  for (const element of elements()) {
    if (!(element.name in wanted)) continue
    const value = wanted[element.name]
    if (element.type === "checkbox") {
      element.checked = value === true || value === "true"
    } else if (element.type !== "file") {
      const before = element.value
      element.value = String(value)
      // An unknown option would leave nothing selected.
      if (element.tagName === "SELECT" && element.selectedIndex < 0) element.value = before
    }
  }
  clearErrors()
}

/** Show an error beside each invalid field; returns whether all fields are valid. */
export function check() {
  clearErrors()
  const wrong = elements().filter((element) => !element.checkValidity())
  for (const element of wrong) showError(element.name, problemOf(element))
  wrong[0]?.focus()
  return wrong.length === 0
}

/** @param {any} element whose value is invalid */
function problemOf({validity, validationMessage, min, max, step}) {
  if (validity.valueMissing) return "Please fill in this field."
  if (validity.badInput) return "Must be a number."
  if (validity.rangeUnderflow || validity.rangeOverflow) {
    return max === "" ? `Must be at least ${min}.` : `Must be from ${min || "any"} to ${max}.`
  }
  if (!validity.stepMismatch) return validationMessage
  return step === "1" ? "Must be a whole number." : `Must be a multiple of ${step}.`
}

/**
 * @param {string} name
 * @param {string} text
 * @returns {boolean} whether there is such a field
 */
export function showError(name, text) {
  const place = document.getElementById(`${name}-error`)
  if (place === null) return false
  tell(place, text)
  const field = document.getElementById(name)
  field?.setAttribute("aria-invalid", "true")
  field?.closest("details")?.setAttribute("open", "")
  return true
}

/** Notify listeners that the form was changed by code. */
export function changed() {
  byId("form").dispatchEvent(new Event("input"))
}

function clearErrors() {
  for (const place of byId("form").querySelectorAll(".error")) tell(place, "")
  for (const field of byId("form").querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid")
  }
}

/** Save the form's values for this user when they change; tell at once which are invalid. */
export function keepPreferences() {
  /** @type {number | undefined} */
  let timer
  byId("form").addEventListener("input", (/** @type {any} */ event) => {
    const place = document.getElementById(`${event.target.id}-error`)
    if (place) tell(place, "")
    event.target.removeAttribute?.("aria-invalid")
    clearTimeout(timer)
    timer = setTimeout(savePreferences, PAUSE)
  })
  byId("form").addEventListener("change", (/** @type {any} */ {target}) => {
    if (!target.checkValidity()) showError(target.name, problemOf(target))
  })
}

/** Save what is valid; in place of an invalid value the one from before stays. */
async function savePreferences() {
  const kept = elements()
    .filter((element) => element.type !== "file")
    .map((element) => [element.name, canBeKept(element) ? textOf(element) : saved[element.name]])
    .filter(([, text]) => text !== undefined)
  try {
    await call("preferences", {method: "PUT", body: {values: Object.fromEntries(kept)}})
    saved = Object.fromEntries(kept)
  } catch (error) {
    // Otherwise the next change tries again, and no results are lost.
    if (error instanceof Refusal && error.field) showError(error.field, error.sentence)
  }
}

/** @param {any} element whose text may still be missing */
function canBeKept({type, validity}) {
  return validity.valid || (validity.valueMissing && type === "textarea")
}

/** @param {any} element */
function textOf(element) {
  return element.type === "checkbox" ? String(element.checked) : element.value
}
