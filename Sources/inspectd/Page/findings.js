// Findings: the worst first, each with its evidence and the path through the code that leads to it.

import * as api from "./api.js";
import { byID, el, moment, replace, setText } from "./dom.js";
import { ago, clock, count, plural } from "./format.js";
import { frameLink } from "./guests.js";
import { codePlace, problemText } from "./parts.js";

const rank = { error: 0, warning: 1, note: 2 };
const page = 100;

export class Findings {
  #guest = null;
  #state = "open";
  #open = new Map();
  #closed = [];
  #nodes = new Map();
  #shown = page;
  #handlers;

  /** Handlers: `changed(open findings)`. */
  constructor(handlers) {
    this.#handlers = handlers;
    byID("findings-state").addEventListener("change", (event) => {
      this.#state = event.target.value;
      this.#shown = page;
      this.#nodes.clear();
      replace(byID("findings"));
      if (this.#state === "closed") this.#loadClosed(); else this.#show();
    });
  }

  get open() { return [...this.#open.values()]; }

  setGuest(guest) {
    if (guest === this.#guest) return;
    this.#guest = guest;
    this.#open.clear();
    this.#closed = [];
    this.#nodes.clear();
    this.#shown = page;
    replace(byID("findings"), el("p", { class: "empty" }, "Asking for findings …"));
    setText(byID("findings-count"), "");
  }

  /** Asks for what is open now. */
  async load() {
    const guest = this.#guest;
    try {
      const list = await api.findings(guest, "open");
      if (guest !== this.#guest) return;
      this.#open = new Map(list.map((finding) => [finding.id, finding]));
    } catch (problem) {
      if (guest === this.#guest && this.#open.size === 0) this.#tell(problemText(problem));
      return;
    }
    this.#changed();
    if (this.#state === "closed") await this.#loadClosed();
  }

  /** An event came. Returns whether the finding is new. */
  take({ change, finding }) {
    const isNew = change === "opened" && !this.#open.has(finding.id);
    if (change === "opened") this.#open.set(finding.id, finding);
    else this.#open.delete(finding.id);
    if (change === "closed") this.#closed.unshift(finding);
    this.#changed(isNew ? finding.id : null);
    return isNew;
  }

  /** Opens a finding and brings it into view. */
  reveal(id) {
    const node = this.#nodes.get(id);
    if (!node) return;
    node.open = true;
    node.scrollIntoView({ block: "nearest" });
    node.firstElementChild.focus();
  }

  /** The open findings about a frame. */
  about(address) {
    const number = Number(address);
    return this.open.filter((finding) => (finding.frames ?? []).some((range) => {
      const start = Number(range.address);
      return number >= start && number < start + range.count * 4096;
    }));
  }

  async #loadClosed() {
    const guest = this.#guest;
    try {
      const list = await api.findings(guest, "closed");
      if (guest !== this.#guest) return;
      this.#closed = list.sort((one, other) => (one.closed < other.closed ? 1 : -1));
    } catch (problem) {
      if (guest === this.#guest && this.#state === "closed") this.#tell(problemText(problem));
      return;
    }
    this.#show();
  }

  #changed(fresh = null) {
    this.#handlers.changed(this.open);
    this.#show(fresh);
  }

  #tell(text) {
    this.#nodes.clear();
    replace(byID("findings"), el("p", { class: "empty" }, text));
  }

  #show(fresh = null) {
    const counts = { error: 0, warning: 0, note: 0 };
    for (const { severity } of this.#open.values()) counts[severity] = (counts[severity] ?? 0) + 1;
    setText(byID("findings-count"), this.#open.size === 0 ? "none open"
      : Object.entries(counts).filter(([, number]) => number > 0).map(([name, number]) => plural(number, name)).join(", "));
    const all = this.#state === "open"
      ? this.open.sort((one, other) => rank[one.severity] - rank[other.severity] || (one.opened < other.opened ? 1 : -1))
      : this.#closed;
    if (all.length === 0) {
      this.#tell(this.#state === "open" ? "Nothing is wrong with this guest, as far as the rules can tell." : "No finding has been closed yet.");
      return;
    }
    const box = byID("findings");
    const seen = new Set();
    const list = all.slice(0, this.#shown);
    let at = box.firstElementChild;
    for (const finding of list) {
      const key = finding.id + (this.#state === "closed" ? finding.closed : "");
      seen.add(key);
      let node = this.#nodes.get(key);
      if (!node) {
        node = this.#entry(finding);
        if (finding.id === fresh) node.classList.add("is-new");
        this.#nodes.set(key, node);
      }
      if (node === at) at = at.nextElementSibling;
      else box.insertBefore(node, at);
    }
    for (const [key, node] of this.#nodes) {
      if (seen.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
    }
    for (const child of [...box.children]) if (!child.classList.contains("finding")) child.remove();
    if (all.length > list.length) {
      box.append(el("button", { type: "button", class: "more", on: { click: () => { this.#shown += page; this.#show(); } } },
        `Show more: ${count(all.length - list.length)} are left`));
    }
  }

  #entry(finding) {
    const head = el("summary", {},
      el("span", { class: "severity", "data-severity": finding.severity }, finding.severity),
      el("code", { class: "rule" }, finding.rule),
      moment(finding.closed ?? finding.opened, ago),
      el("span", { class: "message" }, finding.message),
      el("span", { class: "subject muted" }, finding.subject));
    const node = el("details", { class: "finding", "data-severity": finding.severity }, head);
    // Details are built when they are opened: a guest may have thousands of findings.
    node.addEventListener("toggle", () => { if (node.open && node.children.length === 1) node.append(this.#details(finding)); });
    return node;
  }

  #details(entry) {
    const { finding } = entry;
    const evidence = finding?.evidence ?? [];
    const path = finding?.path ?? [];
    const frames = (entry.frames ?? []).slice(0, 24);
    return el("div", { class: "finding-body" },
      el("dl", { class: "pairs" },
        el("dt", {}, "Subject"), el("dd", {}, entry.subject),
        frames.length > 0 && [el("dt", {}, "Frames"), el("dd", { class: "links" }, frames.map((range) =>
          el("a", { href: frameLink(this.#guest, range.address) }, range.address, range.count > 1 ? ` (${count(range.count)} frames)` : "")),
          entry.frames.length > frames.length && el("span", { class: "muted" }, `and ${count(entry.frames.length - frames.length)} more ranges`))],
        finding?.location && [el("dt", {}, "Where"), el("dd", {}, codePlace(finding.location))],
        finding?.confidence && [el("dt", {}, "Confidence"), el("dd", {}, finding.confidence)],
        el("dt", {}, "Opened"), el("dd", {}, clock(entry.opened)),
        entry.confirmed && [el("dt", {}, "Confirmed"), el("dd", {}, clock(entry.confirmed))],
        entry.closed && [el("dt", {}, "Closed"), el("dd", {}, clock(entry.closed))]),
      evidence.length > 0 && [el("h3", {}, "Evidence"), evidenceTable(evidence)],
      path.length > 0 && [el("h3", {}, "Path"), callPath(path)],
      finding?.next && [el("h3", {}, "Next"), el("p", { class: "next" }, finding.next)],
      el("p", { class: "muted small" }, el("code", {}, `inspectd explain ${entry.rule}`), " tells more about this rule."));
  }
}

function evidenceTable(list) {
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Evidence" }, el("table", {},
    el("thead", {}, el("tr", {}, ["What", "Value", "Where", "Read how"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, list.map((item) => el("tr", {},
      el("th", { scope: "row" }, item.name),
      el("td", {}, el("code", {}, item.value)),
      el("td", {}, [item.virtual, item.physical && `phys ${item.physical}`].filter(Boolean).map((place) => el("code", { class: "line" }, place))),
      el("td", { class: "muted" }, item.source))))));
}

function callPath(steps) {
  return el("ol", { class: "path" }, steps.map((step) => el("li", {},
    el("code", { class: "function" }, step.function, step.offset ? `+0x${step.offset.toString(16)}` : ""),
    step.source && el("span", { class: "muted source" }, step.source),
    step.instruction && el("code", { class: "instruction" }, step.instruction),
    (step.inlinedBy ?? []).map((call) => el("span", { class: "inlined" }, "inlined in ", el("code", {}, call.function),
      call.source && el("span", { class: "muted source" }, call.source))))));
}
