// @ts-check
/** The history: a tile for each result, newest first, and a dialog that shows one result. */

import {at, call} from "./client.js"
import {byId, make, say, showMessage} from "./elements.js"

/**
 * One result: a picture, another output, or the reason why there is none.
 * @typedef {{item: any, path: string, kind: string, seed: string | null, name: string,
 *            text: string}} Exhibit
 */

export class History {
  /**
   * @param {(item: any) => boolean} fits whether the page's form can take over an item's settings
   * @param {(exhibit: Exhibit, what: "all" | "seed") => void} onUse
   */
  constructor(fits, onUse) {
    this.fits = fits
    this.onUse = onUse
    this.known = new Set()
    /** @type {Exhibit[]} the newest first */
    this.exhibits = []
    this.oldest = ""
    this.first = true
    /** @type {Exhibit | null} */
    this.shown = null
    byId("more").addEventListener("click", () => this.loadMore())
    byId("viewer").addEventListener("click", (/** @type {any} */ event) => this.act(event))
    byId("viewer").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "ArrowLeft") this.step(-1)
      if (event.key === "ArrowRight") this.step(1)
    })
  }

  /** @param {{items: any[], more: boolean}} album the newest */
  show(album) {
    const fresh = album.items.filter((item) => !this.known.has(item.id))
    // If all are new, there may be others between them and those that are shown.
    if (fresh.length === album.items.length) this.clear()
    if (!this.oldest) byId("more").hidden = !album.more
    this.add(fresh, "prepend")
    if (!this.oldest && album.items.length) this.oldest = album.items[album.items.length - 1].id
    if (!this.first && fresh.length) {
      const failed = fresh.filter((item) => item.status !== "succeeded").length
      say(failed ? "A task failed. The history shows the reason." : "A new result is in the history.")
    }
    this.first = false
    byId("empty").hidden = this.exhibits.length > 0
  }

  clear() {
    this.known.clear()
    this.exhibits = []
    this.oldest = ""
    byId("history").replaceChildren()
  }

  async loadMore() {
    let album
    try {
      album = await call(`history?before=${encodeURIComponent(this.oldest)}`)
    } catch {
      return showMessage("No older results", "The server did not send them. Try again.")
    }
    this.add(album.items.filter((/** @type {any} */ item) => !this.known.has(item.id)), "append")
    if (album.items.length) this.oldest = album.items[album.items.length - 1].id
    byId("more").hidden = !album.more
  }

  /** Load pictures from the new address. */
  move() {
    for (const each of document.querySelectorAll("[data-path]")) {
      const shown = /** @type {any} */ (each)
      // Pictures that are already loaded stay.
      if (!shown.naturalWidth) shown.src = at(shown.dataset.path)
    }
  }

  /**
   * @param {any[]} items the newest first
   * @param {"prepend" | "append"} where
   */
  add(items, where) {
    const exhibits = items.flatMap(exhibitsOf)
    for (const item of items) this.known.add(item.id)
    this.exhibits =
      where === "prepend" ? [...exhibits, ...this.exhibits] : [...this.exhibits, ...exhibits]
    byId("history")[where](...exhibits.map((exhibit) => this.tile(exhibit)))
  }

  /** @param {Exhibit} exhibit */
  tile(exhibit) {
    const caption = make("span", {className: "caption", dir: "auto"}, titleOf(exhibit))
    const details = make("span", {className: "caption quiet"}, detailsOf(exhibit))
    const content = make("span", {className: "content"}, contentOf(exhibit, true))
    const button = make("button", {type: "button", className: `tile ${exhibit.kind}`})
    button.append(content, caption, details)
    button.addEventListener("click", () => this.open(exhibit))
    const tile = make("li", {}, button)
    tile.dataset.task = exhibit.item.id
    return tile
  }

  /** @param {Exhibit} exhibit */
  open(exhibit) {
    this.shown = exhibit
    const index = this.exhibits.indexOf(exhibit)
    byId("view").replaceChildren(contentOf(exhibit, false))
    byId("viewer-heading").textContent = titleOf(exhibit)
    byId("parameters").replaceChildren(
      ...parametersOf(exhibit).flatMap(([name, value]) => [
        make("dt", {}, name),
        make("dd", {dir: "auto"}, String(value)),
      ]),
    )
    const link = byId("download")
    link.hidden = !exhibit.path
    if (exhibit.path) link.href = at(exhibit.path)
    link.download = exhibit.name
    act("newer").disabled = index <= 0
    act("older").disabled = index === this.exhibits.length - 1
    act("seed").hidden = exhibit.seed === null
    act("all").hidden = !this.fits(exhibit.item)
    const dialog = byId("viewer")
    if (!dialog.open) dialog.showModal()
  }

  /** @param {number} by */
  step(by) {
    if (this.shown === null) return
    const next = this.exhibits[this.exhibits.indexOf(this.shown) + by]
    if (next) this.open(next)
  }

  /** @param {any} event */
  act(event) {
    const what = event.target.closest("[data-act]")?.dataset.act
    // A click outside the box has the dialog itself as its target.
    if (what === "close" || event.target === byId("viewer")) byId("viewer").close()
    if (what === "newer") this.step(-1)
    if (what === "older") this.step(1)
    if ((what === "seed" || what === "all") && this.shown) {
      byId("viewer").close()
      this.onUse(this.shown, what)
    }
  }
}

/** @param {string} name */
function act(name) {
  return /** @type {HTMLButtonElement} */ (document.querySelector(`[data-act=${name}]`))
}

/**
 * @param {any} item
 * @returns {Exhibit[]}
 */
function exhibitsOf(item) {
  if (item.status !== "succeeded") {
    return [{item, path: "", kind: "failed", seed: null, name: "", text: item.reason}]
  }
  return item.outputs.map((/** @type {any} */ output) => ({
    item,
    path: output.path ?? "",
    kind: output.kind,
    seed: output.seed ?? null,
    name: output.name ?? "",
    text: output.text ?? "",
  }))
}

/** @param {Exhibit} exhibit */
function titleOf({item, kind, text, name}) {
  if (kind === "failed") return `Failed: ${item.title}`
  return kind === "image" ? item.title : `${name || "Text"}: ${text || item.title}`
}

/** @param {Exhibit} exhibit */
function detailsOf({item, kind, seed}) {
  if (seed === null) return ""
  const size = `${item.width}\u00a0×\u00a0${item.height}, seed\u00a0${seed}`
  return kind === "video" ? `Video, ${size}` : size
}

/**
 * @param {Exhibit} exhibit
 * @returns {[string, string | number][]} what to tell of a result
 */
function parametersOf({item, seed}) {
  /** @type {[string, string | number][]} */
  const all = [
    ["Workflow", item.workflowName],
    ["Version", item.version],
    ["Prompt", item.prompt],
    ["Negative prompt", item.negativePrompt],
    ["Size", `${item.width} × ${item.height}`],
    ["Steps", item.steps],
    ["CFG scale", item.workflow ? "" : item.cfgScale],
    ["Sampler", item.workflow ? "" : item.sampler],
    ["Seed", seed ?? ""],
    ["Model", item.workflow ? "" : item.model],
    ["Made", new Date(item.madeAt).toUTCString()],
    ["Reason", item.reason],
  ]
  return all.filter(([, value]) => value !== "")
}

/**
 * @param {Exhibit} exhibit
 * @param {boolean} small
 */
function contentOf(exhibit, small) {
  if (exhibit.kind === "image") {
    const image = make("img", {alt: exhibit.item.title, loading: small ? "lazy" : "eager"})
    image.dataset.path = exhibit.path
    image.src = at(exhibit.path)
    return image
  }
  if (exhibit.kind === "video") {
    const video = make("video", {src: at(exhibit.path), muted: true, preload: "metadata"})
    video.controls = !small
    video.dataset.path = exhibit.path
    return video
  }
  return make("p", {className: "text", dir: "auto"}, exhibit.text || exhibit.name)
}
