// The guests: which there are, how they stand, and the one that is shown.

import { byID, el, moment, replace, setText } from "./dom.js";
import { ago, bytes, clock, count, duration, frameBytes, none } from "./format.js";

const words = {
  connecting: "connecting", watching: "watching", paused: "paused", unreachable: "unreachable",
  mismatch: "another kernel", notReady: "not ready", rebooted: "rebooted",
};

export const guestLink = (id) => `#/${encodeURIComponent(id)}`;
export const frameLink = (id, address) => `${guestLink(id)}/frame/${address}`;
export const findingLink = (id, finding) => `${guestLink(id)}/finding/${encodeURIComponent(finding)}`;

/** The list of guests in the page's head; items are kept, so that a focused one stays focused. */
export class GuestList {
  #items = new Map();

  show(guests, selected) {
    const list = byID("guests");
    for (const [id, item] of this.#items) {
      if (guests.some((guest) => guest.id === id)) continue;
      item.node.remove();
      this.#items.delete(id);
    }
    guests.forEach((guest, index) => {
      let item = this.#items.get(guest.id);
      if (!item) {
        item = this.#make(guest.id);
        this.#items.set(guest.id, item);
      }
      if (list.children[index] !== item.node) list.insertBefore(item.node, list.children[index] ?? null);
      item.dot.dataset.state = guest.state;
      setText(item.state, `, ${words[guest.state] ?? guest.state}`);
      const open = guest.openFindings ?? {};
      const total = (open.error ?? 0) + (open.warning ?? 0) + (open.note ?? 0);
      setText(item.badge, total ? count(total) : "");
      item.badge.dataset.severity = open.error ? "error" : open.warning ? "warning" : "note";
      item.badge.setAttribute("aria-label", total ? `${total} open findings` : "");
      item.badge.hidden = total === 0;
      if (guest.id === selected) item.link.setAttribute("aria-current", "page");
      else item.link.removeAttribute("aria-current");
    });
  }

  #make(id) {
    const dot = el("span", { class: "dot", "aria-hidden": "true" });
    const state = el("span", { class: "hidden-text" });
    const badge = el("span", { class: "badge", role: "img" });
    const link = el("a", { href: guestLink(id) }, dot, el("span", { class: "guest-id" }, id), state, badge);
    return { node: el("li", {}, link), link, dot, state, badge };
  }
}

/** The head of the guest that is shown. Its facts have their places from the start: nothing moves when they come. */
export class GuestHead {
  #facts = {};

  constructor() {
    const names = {
      memory: "Frame table", way: "Memory read", qemu: "QEMU", profile: "Profile", last: "Last sample", pause: "Pause", build: "Build id",
    };
    replace(byID("facts"), Object.entries(names).map(([key, name]) => {
      this.#facts[key] = el("dd", {}, none);
      return el("div", {}, el("dt", {}, name), this.#facts[key]);
    }));
  }

  show(guest) {
    const { lastSample } = guest;
    setText(byID("guest-name"), guest.id);
    const node = byID("guest-state");
    node.dataset.state = guest.state;
    const text = guest.problem ?? guest.stateText ?? "";
    replace(node, el("span", { class: "dot", "data-state": guest.state, "aria-hidden": "true" }),
      el("b", {}, words[guest.state] ?? guest.state), " · ", el("span", {}, text),
      guest.since ? [el("span", { class: "muted since" }, " · since ", el("time", { datetime: guest.since }, clock(guest.since)))] : null);
    const set = (key, value, title) => {
      setText(this.#facts[key], value ?? none);
      this.#facts[key].title = title ?? "";
    };
    set("memory", guest.slots ? `${count(guest.slots)} frames, ${bytes(guest.slots * frameBytes)}` : none);
    set("way", guest.way);
    // A distribution adds its own version behind QEMU's.
    set("qemu", guest.qemuVersion?.split(" ")[0], guest.qemuVersion);
    set("profile", guest.profile);
    set("build", guest.buildID?.slice(0, 12), guest.buildID);
    this.sampled(lastSample);
  }

  /** A new sample came. */
  sampled(sample) {
    if (!sample) {
      setText(this.#facts.last, none);
      setText(this.#facts.pause, none);
      return;
    }
    const label = `#${count(sample.number)}, `;
    const { last } = this.#facts;
    if (last.dataset.time !== sample.time) {
      last.dataset.time = sample.time;
      replace(last, label, moment(sample.time, ago));
    }
    setText(this.#facts.pause, sample.pauseSeconds === null || sample.pauseSeconds === undefined ? "none" : duration(sample.pauseSeconds));
  }
}
