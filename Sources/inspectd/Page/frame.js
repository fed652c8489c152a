// The panel of one frame: its slot, its owner, its life.

import * as api from "./api.js";
import { byID, el, replace, setText } from "./dom.js";
import { addressOf, clock, count, duration, none, plural } from "./format.js";
import { findingLink, frameLink, guestLink } from "./guests.js";
import { codePlace, problemText } from "./parts.js";

const eventNames = {
  allocated: "allocated", claimed: "claimed", pinned: "pinned", unpinned: "unpinned", shared: "shared", unshared: "unshared",
  hookInstalled: "hook installed", hookRemoved: "hook removed", freed: "freed", poisoned: "poisoned", changed: "changed",
};

/** The biography is asked for again at most this often, in milliseconds. */
const lifeInterval = 3000;

export class FramePanel {
  #abort = null;
  #shown = null;
  #findings = null;
  #life = null;
  #handlers;

  /**
   * Handlers: `findings(address)` gives the open findings about a frame, `worst()` the guest and
   * its open findings, the worst first, `colour(state)` a state's colour, `show(frame)` moves the map.
   */
  constructor(handlers) {
    this.#handlers = handlers;
    this.close();
  }

  get shown() { return this.#shown; }

  close() {
    this.#abort?.abort();
    this.#shown = null;
    this.#life = null;
    setText(byID("frame-title"), "Frame");
    byID("frame").classList.add("is-empty");
    this.#showStart();
    this.#actions([]);
  }

  /** What to do while no frame is open. */
  #showStart() {
    const keys = [[["←", "↑", "→", "↓"], "move the cursor"], [["Shift", "→"], "move the view"], [["+", "−"], "zoom"], [["0"], "all of memory"], [["Enter"], "open the frame"], [["Esc"], "close it"]];
    this.#findings = el("div", { class: "start-list" });
    replace(byID("frame-body"), el("div", { class: "start" },
      el("p", { class: "empty" }, "Click a frame on the map to see its slot, who owns it and what happened to it."),
      el("h3", {}, "Keys on the map"),
      el("dl", { class: "pairs keys" }, keys.map(([names, text]) => [el("dt", {}, names.flatMap((name) => [el("kbd", {}, name), " "])), el("dd", {}, text)])),
      el("h3", {}, "Frames with findings"), this.#findings));
    this.showFindings();
  }

  /** Shows a frame; with `isFocused` the panel takes the focus. */
  async open(guest, number, isFocused) {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#shown = { guest, number };
    this.#life = null;
    const address = addressOf(number);
    byID("frame").classList.remove("is-empty");
    setText(byID("frame-title"), `Frame ${address}`);
    const near = (other, label, sign) => el("a", {
      class: "button", href: other < 0 ? null : frameLink(guest, addressOf(Math.max(0, other))), "aria-label": label, title: label,
    }, sign);
    this.#actions([
      near(number - 1, "Frame before", "‹"), near(number + 1, "Frame after", "›"),
      el("button", { type: "button", on: { click: () => this.#handlers.show(number) } }, "On map"),
      el("a", { class: "button", href: guestLink(guest), "aria-label": "Close the frame", title: "Close" }, "×"),
    ]);
    const part = (name) => el("section", { class: "part" }, el("h3", {}, name), el("p", { class: "muted" }, "Asking …"));
    const slot = el("div", { class: "part" }, el("p", { class: "muted" }, "Asking …"));
    const owner = part("Owner");
    const life = part("Biography");
    this.#findings = el("div", {});
    replace(byID("frame-body"), this.#findings, slot, life, owner);
    this.showFindings();
    byID("frame").scrollTop = 0;
    if (isFocused) byID("frame-title").focus({ preventScroll: false });
    const options = { signal: abort.signal };
    const put = async (node, title, request, show) => {
      let content;
      try {
        content = show(await request);
      } catch (problem) {
        if (abort.signal.aborted) return;
        content = el("p", { class: "wrong" }, problemText(problem));
      }
      if (!abort.signal.aborted) replace(node, title && el("h3", {}, title), content);
    };
    // One after the other where the guest is touched: each may stop it for a moment.
    await Promise.all([
      put(life, "Biography", api.biography(guest, number, options), (body) => {
        this.#life = { node: life, text: JSON.stringify({ ...body, until: null, looks: null }), due: performance.now() + lifeInterval };
        return biography(body);
      }),
      (async () => {
        await put(slot, null, api.frame(guest, number, options), (body) => this.#slot(guest, body));
        if (!abort.signal.aborted) await put(owner, "Owner", api.owner(guest, address, options), (body) => ownership(guest, body));
      })(),
    ]);
  }

  /** The guest was sampled: the biography may have grown. The slot is not read again, since that may stop the guest. */
  async refresh() {
    const life = this.#life;
    if (!life || performance.now() < life.due || document.hidden) return;
    life.due = performance.now() + lifeInterval;
    const { guest, number } = this.#shown;
    try {
      const body = await api.biography(guest, number, { signal: this.#abort.signal });
      const text = JSON.stringify({ ...body, until: null, looks: null });
      if (life !== this.#life || text === life.text) return;
      life.text = text;
      replace(life.node, el("h3", {}, "Biography"), biography(body));
    } catch { /* what is shown stays */ }
  }

  /** Lists the open findings about the frame that is shown, or the worst of all while none is. */
  showFindings() {
    if (!this.#findings) return;
    const entry = (finding, href, place) => el("a", { class: "frame-finding", "data-severity": finding.severity, href },
      el("span", { class: "severity", "data-severity": finding.severity }, finding.severity), el("code", {}, finding.rule), place && el("code", {}, place));
    if (this.#shown) {
      const { guest, number } = this.#shown;
      replace(this.#findings, this.#handlers.findings(addressOf(number)).slice(0, 8).map((finding) => entry(finding, findingLink(guest, finding.id))));
      return;
    }
    const { guest, findings } = this.#handlers.worst();
    const list = findings.filter((finding) => finding.frames?.length > 0).slice(0, 6);
    replace(this.#findings, list.length === 0 ? el("p", { class: "muted small" }, "There are none.")
      : list.map((finding) => entry(finding, frameLink(guest, finding.frames[0].address), finding.frames[0].address)));
  }

  #actions(list) {
    const head = byID("frame").querySelector(".frame-head");
    for (const old of head.querySelectorAll(".actions")) old.remove();
    if (list.length > 0) head.append(el("div", { class: "actions" }, list));
  }

  #slot(guest, body) {
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.backgroundColor = this.#handlers.colour(body.state) ?? "";
    const { block, vtable } = body;
    return [
      el("p", { class: "frame-state" }, swatch, el("b", {}, body.state), el("span", { class: "muted" }, body.stateText)),
      el("dl", { class: "pairs" },
        el("dt", {}, "Number"), el("dd", {}, count(body.frame)),
        el("dt", {}, "Zone"), el("dd", {}, body.zone ?? none),
        el("dt", {}, "Block"), el("dd", {}, block
          ? [`order ${block.order}, ${plural(block.frames, "frame")}, from `, el("a", { href: frameLink(guest, block.head) }, block.head), block.headState && ` (${block.headState})`]
          : "none"),
        vtable && [el("dt", {}, "Vtable"), el("dd", {}, vtable.isDefault ? "the default: no hooks" : codePlace(vtable.location))],
        vtable && !vtable.isDefault && [["on_last_ref", vtable.onLastRef], ["on_unmap", vtable.onUnmap]].map(([name, hook]) =>
          [el("dt", {}, el("code", {}, name)), el("dd", {}, hook ? codePlace(hook) : "none")])),
      el("h3", {}, "Slot"),
      el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Fields of the slot" }, el("table", {},
        el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "right" }, "At"), ["Field", "Value", "Meaning"].map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, body.fields.map((field) => el("tr", {},
          el("td", { class: "right muted" }, field.offset), el("th", { scope: "row" }, field.name),
          el("td", {}, el("code", {}, field.value)), el("td", { class: "muted" }, field.meaning ?? "")))))),
      el("details", { class: "bytes" }, el("summary", {}, "Bytes"), el("pre", { tabindex: "0", "aria-label": "Bytes of the slot" },
        (body.bytes.match(/.{1,32}/g) ?? []).map((line, index) => `${(index * 16).toString(16).padStart(2, "0")}  ${line.match(/../g).join(" ")}\n`))),
      provenance(body),
    ];
  }
}

function provenance({ provenance: source, slotVirtual }) {
  if (!source) return null;
  const pause = source.pauseNanoseconds === null ? "" : `, guest stopped for ${duration(source.pauseNanoseconds / 1e9)}`;
  return el("p", { class: "muted small" }, `Read at ${clock(source.time)} by ${source.way}${pause}`, slotVirtual && `; slot at ${slotVirtual}`, ".");
}

function ownership(guest, body) {
  const { entry } = body;
  const others = body.mappings.filter((mapping) => !mapping.isDirectMap);
  return [
    entry
      ? el("dl", { class: "pairs" },
        el("dt", {}, "Block"), el("dd", {}, el("a", { href: frameLink(guest, entry.base) }, entry.base), `, order ${entry.order}`),
        el("dt", {}, "State"), el("dd", {}, entry.state ?? "unknown"),
        el("dt", {}, "References"), el("dd", {}, `${count(entry.references)}, of these ${plural(entry.pins, "pin")}`),
        el("dt", {}, "Capabilities"), el("dd", {}, entry.capabilities.length === 0 ? "none" : entry.capabilities.map((capability) => el("span", { class: "line" },
          `#${capability.number}`, capability.mappings.slice(0, 16).map((mapping) => el("span", { class: "muted mapping" }, `at ${mapping.virtual} in space ${mapping.space}`)),
          capability.mappings.length > 16 && el("span", { class: "muted mapping" }, `and ${count(capability.mappings.length - 16)} more`)))))
      : el("p", {}, "No entry in the ownership table."),
    body.freeList && el("p", {}, `On the free list ${body.freeList}.`),
    body.isCached && el("p", {}, "In a per-CPU cache."),
    el("h4", {}, "Mapped at"),
    others.length === 0 ? el("p", { class: "muted" }, body.mappings.length > 0 ? "Only in the direct map." : "Nowhere.")
      : el("ul", { class: "plain" }, others.slice(0, 32).map((mapping) => el("li", {}, el("code", {}, mapping.virtual),
        ` ${mapping.permissions} `, el("span", { class: "muted" }, mapping.space)))),
    (body.gaps ?? []).map((gap) => el("p", { class: "wrong" }, gap.reason ? `${gap.subject}: ${gap.reason}` : gap.subject)),
  ];
}

function biography(body) {
  const reach = el("p", { class: "muted small" }, body.complete
    ? `All that happened since ${clock(body.since)}.` : `The record goes back to ${clock(body.since)}; what came before was dropped.`);
  if (body.events.length === 0) return [el("p", {}, "Nothing happened to this frame."), reach];
  return [el("ol", { class: "timeline" }, [...body.events].reverse().map((event) => el("li", { "data-kind": event.kind },
    el("span", { class: "timeline-kind" }, eventNames[event.kind] ?? event.kind),
    el("span", { class: "timeline-time" }, windowText(event)),
    el("span", { class: "timeline-text" }, event.text)))), reach];
}

/** When it happened: between two looks at the guest. */
function windowText({ after, before }) {
  const width = (Date.parse(before) - Date.parse(after)) / 1000;
  return width > 0 ? `${clock(before)}, within ${duration(width)}` : clock(before);
}
