// @ts-check
/** The session of the page: queries its state, and shows its end and its renewal. */

import {Refusal, call, moveTo} from "./client.js"
import {Countdown} from "./countdown.js"
import {byId, say, tell} from "./elements.js"

const BUSY = 700
const IDLE = 2000
const HIDDEN = 15_000

export class Session {
  /**
   * @param {(state: any) => void} onState called with each new state
   * @param {() => void} onMove called when the page continues at another address
   */
  constructor(onState, onMove) {
    this.onState = onState
    this.onMove = onMove
    this.asking = false
    this.again = false
    /** @type {number | undefined} */
    this.timer = undefined
    this.countdown = new Countdown(() => this.look())
    document.addEventListener("visibilitychange", () => this.look())
    addEventListener("online", () => this.look())
    this.look()
  }

  /** Query the state now, and then repeatedly. */
  async look() {
    if (this.asking) {
      this.again = true
      return
    }
    this.asking = true
    clearTimeout(this.timer)
    let pause = IDLE
    try {
      const state = await call("state")
      this.goOn(state)
      if (state.tasks.length) pause = BUSY
    } catch (error) {
      if (!(error instanceof Refusal)) {
        byId("offline").hidden = false
      } else if (error.over) {
        byId("offline").hidden = true
        pause = this.stop(error) ? 0 : IDLE
      } else {
        tell(byId("notice"), error.message)
      }
    }
    this.asking = false
    if (this.again) pause = 0
    this.again = false
    if (document.hidden) pause = Math.max(pause, HIDDEN)
    this.timer = setTimeout(() => this.look(), pause)
  }

  /** @param {any} state */
  goOn(state) {
    byId("offline").hidden = true
    if (byId("studio").hidden) say("The session continues.")
    byId("over").hidden = true
    byId("studio").hidden = false
    byId("clock").hidden = false
    tell(byId("notice"), state.notice)
    tell(byId("user"), state.user)
    byId("clock-label").textContent =
      state.rate === 0 ? "Clock is stopped, time left" : "Session expires in"
    this.countdown.set(state.secondsLeft, state.rate)
    this.onState(state)
  }

  /**
   * Show that the session has expired; returns whether the page continues with another one.
   * @param {Refusal} refusal
   */
  stop(refusal) {
    if (refusal.next) {
      moveTo(refusal.next)
      this.onMove()
      return true
    }
    const first = !byId("studio").hidden
    for (const open of document.querySelectorAll("dialog[open]")) {
      /** @type {HTMLDialogElement} */ (open).close()
    }
    byId("studio").hidden = true
    byId("clock").hidden = true
    this.countdown.stop()
    byId("notice").hidden = true
    byId("over-heading").textContent = refusal.message
    tell(byId("over-since"), refusal.since)
    byId("over").hidden = false
    if (first) byId("over").focus()
    return false
  }
}
