// @ts-check
/** Files that the user adds to a form. */

import {byId, tell} from "./elements.js"

const LARGEST = 5 * 1024 * 1024

/**
 * @param {File} file
 * @returns {Promise<string>} a data URI
 */
export function inlined(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
}

/** @param {HTMLInputElement} field whose file may be too large to be sent */
export function refuseLarge(field) {
  const file = field.files?.[0]
  field.setCustomValidity(file && file.size > LARGEST ? "This file is larger than 5 MB." : "")
  tell(byId(`${field.id}-error`), field.validationMessage)
}
