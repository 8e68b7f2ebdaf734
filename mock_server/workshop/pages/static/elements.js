// @ts-check
/** Small ways to find and make elements; texts are only ever put in as texts. */

/**
 * @param {string} id
 * @returns {any} the element, of whatever kind the page has it
 */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

/**
 * @param {string} name
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}

/**
 * Show a text, or hide its place where there is none.
 * @param {HTMLElement} place
 * @param {string} text
 */
export function tell(place, text) {
  if (place.textContent !== text) place.textContent = text
  place.hidden = !text
}

/** @param {string} text what screen readers are to say when they have time */
export function say(text) {
  byId("said").textContent = text
}

/**
 * @param {string} heading
 * @param {string} text
 */
export function showMessage(heading, text) {
  byId("message-heading").textContent = heading
  byId("message-text").textContent = text
  const dialog = byId("message")
  if (!dialog.open) dialog.showModal()
}
