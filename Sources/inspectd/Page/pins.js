// Pinned blocks, the oldest first: a pin is meant to live for moments only.

import * as api from "./api.js";
import { byID, el, replace, setText } from "./dom.js";
import { bytes, count, duration, frameBytes, none, plural } from "./format.js";
import { frameLink } from "./guests.js";
import { problemText } from "./parts.js";

const buckets = [[1, "< 1 s"], [10, "< 10 s"], [60, "< 1 min"], [600, "< 10 min"], [3600, "< 1 h"], [Infinity, "1 h +"]];
const rows = 200;
/** At most one request in so many milliseconds. */
const interval = 3000;

export class Pins {
  #guest = null;
  #last = 0;
  #timer = 0;
  #text = "";

  setGuest(guest) {
    if (guest === this.#guest) return;
    this.#guest = guest;
    this.#last = 0;
    this.#text = "";
    setText(byID("pins-count"), "");
    replace(byID("pins"), el("p", { class: "empty" }, "Asking for pins …"));
  }

  /** Asks again, but not more often than anybody can read. */
  refresh() {
    if (!this.#guest || this.#timer || document.hidden) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.load();
    }, Math.max(0, this.#last + interval - performance.now()));
  }

  async load() {
    const guest = this.#guest;
    this.#last = performance.now();
    try {
      const body = await api.pins(guest);
      if (guest === this.#guest) this.#show(body);
    } catch (problem) {
      if (guest !== this.#guest || (problem.status === 0 && this.#text)) return;
      this.#text = "";
      replace(byID("pins"), el("p", { class: "empty" }, problemText(problem)));
    }
  }

  #show(body) {
    const text = JSON.stringify(body.pins) + body.problem;
    if (text === this.#text) return;
    this.#text = text;
    const pins = [...body.pins].sort((one, other) => (other.ageSeconds ?? 0) - (one.ageSeconds ?? 0));
    const orphaned = pins.filter((pin) => pin.isOrphaned).length;
    setText(byID("pins-count"), pins.length === 0 ? "none" : plural(pins.length, "block") + (orphaned ? `, ${count(orphaned)} orphaned` : ""));
    const box = byID("pins");
    // Rows are built anew: the place that was scrolled to and the focused link are found again.
    const [top, focused] = [box.scrollTop, document.activeElement?.closest?.("#pins a")?.textContent];
    replace(box, body.problem && el("p", { class: "wrong" }, body.problem),
      pins.length === 0 ? el("p", { class: "empty" }, "No block is pinned right now.") : [histogram(pins), this.#table(pins)],
      pins.length > rows && el("p", { class: "muted" }, `${count(pins.length - rows)} younger pins are left out.`));
    box.scrollTop = top;
    if (focused) [...box.querySelectorAll("a")].find((link) => link.textContent === focused)?.focus({ preventScroll: true });
  }

  #table(pins) {
    const heads = [["Block", ""], ["Size", "right"], ["Pins", "right"], ["Capabilities", "right"], ["Generation", "right"], ["Age", "right"]];
    return el("table", { class: "pins" },
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
      el("tbody", {}, pins.slice(0, rows).map((pin) => el("tr", {},
        el("th", { scope: "row" }, el("a", { href: frameLink(this.#guest, pin.address) }, pin.address),
          pin.isOrphaned && el("span", { class: "severity", "data-severity": "error" }, "orphaned")),
        el("td", { class: "right" }, bytes(frameBytes * 2 ** pin.order)),
        el("td", { class: "right" }, count(pin.pins)),
        el("td", { class: "right" }, pin.capabilities.length === 0 ? "none" : count(pin.capabilities.length)),
        el("td", { class: "right" }, pin.generation === null ? none : count(pin.generation)),
        el("td", { class: "right" }, pin.ageSeconds === null ? "new" : duration(pin.ageSeconds))))));
  }
}

function histogram(pins) {
  const counts = buckets.map(() => 0);
  for (const pin of pins) counts[buckets.findIndex(([limit]) => (pin.ageSeconds ?? 0) < limit)] += 1;
  const most = Math.max(...counts, 1);
  return el("ol", { class: "ages", "aria-label": "Pinned blocks by age" }, buckets.map(([, label], index) => {
    const bar = el("span", { class: "age-bar", "aria-hidden": "true" });
    bar.style.height = `${counts[index] === 0 ? 0 : Math.max(6, (counts[index] / most) * 100)}%`;
    return el("li", {}, el("span", { class: "age-count" }, count(counts[index])), el("span", { class: "age-space" }, bar), el("span", { class: "muted" }, label));
  }));
}
