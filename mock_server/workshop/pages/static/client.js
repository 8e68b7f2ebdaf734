// @ts-check
/** Calls to addresses below that of the session, and their errors. */

/** An error answer: its status and its body. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{problem?: string, message?: string, field?: string, next?: string | null,
   *          since?: string}} body
   */
  constructor(status, body) {
    super(body.message ?? `The server answered ${status}.`)
    this.status = status
    this.problem = body.problem ?? ""
    this.field = body.field ?? ""
    this.next = body.next ?? null
    this.since = body.since ?? ""
  }

  /** The message as a sentence, for beside a field. */
  get sentence() {
    return `${this.message.slice(0, 1).toUpperCase()}${this.message.slice(1)}.`
  }

  /** Whether this address cannot be opened now. */
  get over() {
    return this.problem === "over" || this.problem === "unknown"
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

let base = location.pathname

/** @param {string} path */
export function at(path) {
  return `${base}/${path}`
}

/**
 * Continue with another session of the same user, which a reload opens as well.
 * @param {string} path relative to the present one
 */
export function moveTo(path) {
  base = new URL(path, location.href).pathname
  history.replaceState(null, "", base)
}

/**
 * @param {string} path
 * @param {{method?: string, body?: unknown}} [how]
 * @returns {Promise<any>}
 */
export async function call(path, {method = "GET", body} = {}) {
  const patience = AbortSignal.timeout(30_000)
  let answer, text
  try {
    answer = await fetch(at(path), {
      method,
      signal: patience,
      ...(body === undefined
        ? {}
        : {body: JSON.stringify(body), headers: {"content-type": "application/json"}}),
    })
    text = await answer.text()
  } catch {
    throw new Unreachable()
  }
  const said = parsed(text)
  if (!answer.ok) throw new Refusal(answer.status, said)
  return said
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
