// @ts-check
/** The time that is left on the account's clock, which may stop, run faster, or jump. */

import {byId, say} from "./elements.js"

const WARN_BELOW = 300

export class Countdown {
  /** @param {() => void} onEnd called once when no time is left */
  constructor(onEnd) {
    this.onEnd = onEnd
    this.seconds = Infinity
    this.rate = 0
    this.since = 0
    this.warned = false
    this.ended = false
    setInterval(() => this.show(), 250)
  }

  /**
   * Set the remaining seconds and the rate of the server's clock.
   * @param {number} seconds
   * @param {number} rate
   */
  set(seconds, rate) {
    this.seconds = seconds
    this.rate = rate
    this.since = performance.now()
    this.ended = false
    this.show()
  }

  /** Show no time and no warning any more. */
  stop() {
    this.seconds = Infinity
    this.warned = false
    byId("warning").hidden = true
  }

  get left() {
    return Math.max(0, this.seconds - (this.rate * (performance.now() - this.since)) / 1000)
  }

  show() {
    const left = this.left
    if (left === Infinity) return
    const low = left < WARN_BELOW
    const shown = byId("left")
    const text = spelled(left)
    if (shown.textContent !== text) shown.textContent = text
    byId("clock").dataset.urgency = low ? "low" : "none"
    byId("clock").title = this.rate === 0 ? "The clock is stopped." : ""
    byId("warning").hidden = !low || left === 0
    if (low && !this.warned && left > 0) say("The session expires in less than five minutes.")
    this.warned = low
    if (left === 0 && !this.ended) {
      this.ended = true
      this.onEnd()
    }
  }
}

/** @param {number} seconds */
export function spelled(seconds) {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 60) % 60, whole % 60]
  const hours = Math.floor(whole / 3600)
  const [first, ...others] = hours ? [hours, ...parts] : parts
  return [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":")
}
