// The card around the map: what it is coloured by, zoom, the frame under the pointer, the legend.

import { byID, el, replace, setText } from "./dom.js";
import { addressOf, bytes, compact, count, frameBytes, none, parseFrame, plural } from "./format.js";
import { FrameMap } from "./map.js";
import { connectInput } from "./mapinput.js";
import { modes } from "./palette.js";
import { problemText } from "./parts.js";

/** Handlers: `open(frame number, isByKey)`. */
export class MapCard {
  #handlers;
  #states = null;
  #pressed = null;
  #rows = [];
  #spoken = 0;

  constructor(handlers) {
    this.#handlers = handlers;
    const canvas = byID("map");
    this.map = new FrameMap(canvas, {
      view: () => this.#tellScale(),
      palette: (palette) => this.#showLegend(palette),
      problem: (problem) => this.tell(problem?.status ? problemText(problem) : null),
    });
    replace(byID("map-by"), modes.map((mode) => el("option", { value: mode.id }, mode.label)));
    byID("map-by").addEventListener("change", (event) => {
      this.#pressed = null;
      this.map.setMode(event.target.value);
    });
    byID("map-order").addEventListener("change", (event) => this.map.setOrder(event.target.value));
    byID("zoom-in").addEventListener("click", () => this.map.zoomBy(2));
    byID("zoom-out").addEventListener("click", () => this.map.zoomBy(0.5));
    byID("zoom-all").addEventListener("click", () => this.map.fit());
    byID("goto").addEventListener("submit", (event) => this.#goTo(event));
    byID("goto-text").addEventListener("input", (event) => event.target.setCustomValidity(""));
    connectInput(canvas, this.map, {
      hover: (hit, x, y) => this.#hover(hit, x, y),
      open: (index, isByKey) => {
        this.#speak(index);
        handlers.open(this.map.base + index, isByKey);
      },
      cursor: (index) => this.#speak(index),
    });
  }

  /** A sentence over the map where there is nothing to draw; null when there is. */
  tell(text) {
    const node = byID("map-message");
    node.hidden = !text;
    setText(node, text ?? "");
  }

  /** Frames by state, of the last sample. */
  setStates(states) {
    this.#states = states;
    this.#countStates();
  }

  /** Shows which frame is open. */
  select(frame, isClose) {
    this.map.selected = frame === null ? null : frame - this.map.base;
    if (frame === null || !this.map.isReady) return this.map.draw();
    const index = frame - this.map.base;
    if (index < 0 || index >= this.map.frames) this.map.selected = null;
    else {
      this.map.cursor = index;
      this.map.reveal(index, true, isClose);
    }
    this.map.draw();
  }

  #goTo(event) {
    event.preventDefault();
    const field = byID("goto-text");
    const frame = parseFrame(field.value);
    const { base, frames } = this.map;
    if (frame === null || !this.map.isReady || frame < base || frame >= base + frames) {
      field.setCustomValidity(frame === null || !this.map.isReady
        ? "Type an address like 0x1234000, or a frame number like 4660."
        : `The frame table goes from ${addressOf(base)} to ${addressOf(base + frames - 1)}.`);
      field.reportValidity();
      return;
    }
    this.#handlers.open(frame, false);
    this.select(frame, true);
  }

  #describe({ index, value, cell }) {
    const frame = this.map.base + index;
    const kind = value === null || value === undefined ? "" : value === 255 ? "nothing to tell" : this.map.palette.text(value);
    return { address: addressOf(frame), frame: `frame ${count(frame)}`, kind, cell };
  }

  #hover(hit, x, y) {
    const tip = byID("tip");
    tip.hidden = !hit;
    if (!hit) return;
    const { address, frame, kind, cell } = this.#describe(hit);
    const share = cell > 1 ? `${count(cell)} frames in this cell` : frame;
    replace(tip, el("b", {}, address), el("span", {}, kind || "…"), el("span", { class: "muted" }, share));
    const box = byID("map-box");
    tip.style.left = `${Math.min(x + 14, box.clientWidth - tip.offsetWidth - 6)}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > box.clientHeight ? y - tip.offsetHeight - 10 : y + 18}px`;
    setText(byID("readout"), `${address} · ${frame}${kind ? ` · ${kind}` : ""}`);
  }

  // Keys repeat faster than anybody listens: the last frame of a run is announced.
  #speak(index) {
    const text = this.#describe({ index, ...this.map.valueOf(index) });
    const line = `${text.address} · ${text.frame}${text.kind ? ` · ${text.kind}` : ""}`;
    setText(byID("readout"), line);
    clearTimeout(this.#spoken);
    this.#spoken = setTimeout(() => setText(byID("cursor-news"), line), 250);
  }

  #tellScale() {
    if (!this.map.isReady) return;
    const size = this.map.view.scale / this.map.ratio;
    const cell = 4 ** this.map.zoom;
    const text = cell > 1 ? `cell: ${count(cell)} frames, ${bytes(cell * frameBytes)}` : size >= 2 ? "cell: one frame, 4 KiB" : "cell: one frame";
    setText(byID("scale"), text);
    byID("zoom-all").disabled = this.map.isWhole;
    byID("zoom-out").disabled = this.map.isWhole;
  }

  // MARK: Legend

  #showLegend(palette) {
    const node = byID("legend");
    node.dataset.by = palette.by;
    if (this.#rows.length === palette.legend.length && this.#rows.every((row, index) => row.entry.label === palette.legend[index].label)) {
      palette.legend.forEach((entry, index) => {
        this.#rows[index].entry = entry;
        this.#rows[index].swatch.style.backgroundColor = entry.colour;
      });
      return;
    }
    this.#rows = palette.legend.map((entry) => {
      const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.backgroundColor = entry.colour;
      const number = el("span", { class: "number" });
      const node = el("button", { type: "button", class: "legend-entry", "aria-pressed": "false", title: entry.title },
        swatch, el("span", { class: "legend-label" }, entry.label), number);
      const row = { entry, swatch, number, node };
      node.addEventListener("click", () => this.#press(row));
      return row;
    });
    replace(node, this.#rows.map((row) => row.node));
    this.#countStates();
  }

  #press(row) {
    this.#pressed = this.#pressed === row.entry.key ? null : row.entry.key;
    for (const each of this.#rows) each.node.setAttribute("aria-pressed", String(each.entry.key === this.#pressed));
    this.map.emphasise(this.#pressed === null ? null : new Set(row.entry.values));
  }

  #countStates() {
    if (this.map?.by !== "state") return;
    for (const { entry, number, node } of this.#rows) {
      // States without frames are left out.
      const frames = this.#states ? this.#states[entry.label] ?? 0 : undefined;
      setText(number, frames === undefined ? none : compact(frames));
      number.title = frames === undefined ? "" : `${plural(frames, "frame")}, ${bytes(frames * frameBytes)}`;
      node.classList.toggle("is-empty", frames === 0);
    }
  }
}
