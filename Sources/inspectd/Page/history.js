// The history: one plot for each metric, fetched when it is looked at.

import * as api from "./api.js";
import { byID, el, replace } from "./dom.js";
import { problemText } from "./parts.js";
import { Plot } from "./plot.js";

const ranges = [[900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "24 h"], [604800, "7 d"]];

export class History {
  #guest = null;
  #seconds = ranges[0][0];
  #plots = [];
  #visible = new Set();
  #observer;
  #isLoading = false;

  constructor() {
    const box = byID("history-range");
    box.append(...ranges.map(([seconds, label], index) => el("label", {},
      el("input", { type: "radio", name: "range", value: seconds, checked: index === 0 }), el("span", {}, label))));
    box.addEventListener("change", (event) => {
      this.#seconds = Number(event.target.value);
      for (const plot of this.#plots) plot.due = 0;
      this.refresh();
    });
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const plot = this.#plots.find((each) => each.node === entry.target);
        if (!plot) continue;
        if (entry.isIntersecting) this.#visible.add(plot); else this.#visible.delete(plot);
      }
      this.refresh();
    }, { rootMargin: "120px" });
  }

  setGuest(guest) {
    if (guest === this.#guest) return;
    this.#guest = guest;
    this.#clear();
    replace(byID("history"), el("p", { class: "empty" }, "Asking for the history …"));
  }

  #clear() {
    this.#observer.disconnect();
    this.#plots = [];
    this.#visible.clear();
  }

  /** Asks which metrics there are. */
  async load() {
    const guest = this.#guest;
    let metrics;
    try {
      metrics = await api.metrics(guest);
    } catch (problem) {
      if (guest !== this.#guest || (problem.status === 0 && this.#plots.length > 0)) return;
      this.#clear();
      replace(byID("history"), el("p", { class: "empty" }, problemText(problem)));
      return;
    }
    if (guest !== this.#guest) return;
    const names = metrics.map((metric) => metric.name).join();
    if (this.#plots.length > 0 && names === this.#plots.map((plot) => plot.name).join()) {
      for (const plot of this.#plots) plot.due = 0;
      this.refresh();
      return;
    }
    this.#clear();
    if (metrics.length === 0) {
      replace(byID("history"), el("p", { class: "empty" }, "Nothing is recorded yet. The first points come with the next samples."));
      return;
    }
    const groups = new Map();
    for (const metric of metrics) {
      const [group, ...rest] = metric.name.split(".");
      const plot = new Plot(metric, rest.length > 0 ? rest.join(".") : metric.name);
      plot.due = 0;
      this.#plots.push(plot);
      const name = rest.length > 0 ? group : "others";
      groups.set(name, [...(groups.get(name) ?? []), plot]);
    }
    replace(byID("history"), [...groups].map(([name, plots]) => el("section", { class: "plots" }, el("h3", {}, name), plots.map((plot) => plot.node))));
    for (const plot of this.#plots) this.#observer.observe(plot.node);
  }

  /** Fetches the plots that are seen and due; more than one request at a time is never needed. */
  async refresh() {
    if (this.#isLoading || document.hidden) return;
    this.#isLoading = true;
    try {
      for (let plot = this.#next(); plot; plot = this.#next()) {
        const [guest, seconds] = [this.#guest, this.#seconds];
        plot.due = performance.now() + Math.max(5000, (seconds / 300) * 1000);
        try {
          const points = await api.points(guest, plot.name, seconds);
          const now = Date.now();
          if (guest === this.#guest && seconds === this.#seconds) plot.show(points, now - seconds * 1000, now);
        } catch (problem) {
          // An old plot is better than none; the connection's state is told at the top.
          if (problem.status === 0) return;
        }
      }
    } finally {
      this.#isLoading = false;
    }
  }

  #next() { return [...this.#visible].find((plot) => plot.due <= performance.now()); }
}
