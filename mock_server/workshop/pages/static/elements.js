// @ts-check
/** Functions that find and make elements; texts are never inserted as HTML. */

/**
 * @param {string} id
 * @returns {any} the element
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
 * Show a text, or hide its element if the text is empty.
 * @param {HTMLElement} place
 * @param {string} text
 */
export function tell(place, text) {
  if (place.textContent !== text) place.textContent = text
  place.hidden = !text
}

/**
 * Scroll no more than it takes to see elements, the first of them for certain.
 * @param {Element[]} elements
 */
export function reveal(elements) {
  for (const each of elements.reverse()) each.scrollIntoView({block: "nearest"})
}

/** @param {string} text announced by screen readers */
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
