// One line plot: axes, a line with gaps, and the value under the pointer.

import { svg, el, setText } from "./dom.js";
import { clock, day, measure, compact, bytes, duration } from "./format.js";

const height = 132;
const edge = { left: 58, right: 10, top: 8, bottom: 20 };
const timeSteps = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800];

export class Plot {
  #points = [];
  #picture = svg("svg", { class: "plot", height, tabindex: "0", role: "img" });
  #value = el("span", { class: "plot-value" });
  #when = el("span", { class: "muted plot-when" });
  #range = [0, 1];
  #cursor = null;
  #width = 0;

  constructor({ name, unit }, title) {
    this.name = name;
    this.unit = unit;
    this.title = title;
    this.node = el("figure", { class: "plot-box" },
      el("figcaption", {}, el("span", { class: "plot-name" }, title), this.#value, this.#when), this.#picture);
    this.#picture.setAttribute("aria-label", title);
    this.#picture.addEventListener("pointermove", (event) => this.#point(event.clientX - this.#picture.getBoundingClientRect().left));
    this.#picture.addEventListener("pointerleave", () => this.#move(null));
    this.#picture.addEventListener("blur", () => this.#move(null));
    this.#picture.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (!step || this.#points.length === 0) return;
      event.preventDefault();
      const last = this.#points.length - 1;
      this.#move(Math.min(last, Math.max(0, (this.#cursor ?? last) + step)));
    });
    new ResizeObserver(() => this.#draw()).observe(this.#picture);
  }

  /** Points as `[time, value or null]`, and the range of time in milliseconds. */
  show(points, from, to) {
    this.#points = points.map(([time, value]) => ({ time: Date.parse(time), value })).filter((point) => !Number.isNaN(point.time));
    this.#range = [from, to];
    this.#cursor = null;
    this.#width = 0;
    this.#draw();
  }

  #scales() {
    const values = this.#points.map((point) => point.value).filter((value) => value !== null);
    let [low, high] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
    // From zero on, unless the changes would be too small to see.
    if (low >= 0 && low < high * 0.6) low = 0;
    if (low === high) [low, high] = low === 0 ? [0, 1] : [low > 0 ? Math.max(0, low - Math.max(1, low * 0.01)) : low - 1, high + Math.max(1, Math.abs(high) * 0.01)];
    const step = niceStep((high - low) / 3, this.unit);
    low = Math.floor(low / step) * step;
    high = Math.ceil(high / step) * step;
    const [from, to] = this.#range;
    return {
      low, high, step,
      x: (time) => edge.left + ((time - from) / (to - from)) * (this.#width - edge.left - edge.right),
      y: (value) => height - edge.bottom - ((value - low) / (high - low)) * (height - edge.top - edge.bottom),
    };
  }

  #draw() {
    const width = Math.round(this.#picture.clientWidth);
    if (width === 0 || width === this.#width) return;
    this.#width = width;
    this.#picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scales = this.#scales();
    const { x, y } = scales;
    const grid = [];
    for (let value = scales.low; value <= scales.high + scales.step / 2; value += scales.step) {
      grid.push(svg("line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: y(value), y2: y(value) }),
        svg("text", { class: "tick", x: edge.left - 8, y: y(value) + 4, "text-anchor": "end" }, this.#tick(value, scales.step)));
    }
    const [from, to] = this.#range;
    const step = timeSteps.find((seconds) => (to - from) / 1000 / seconds <= Math.max(2, width / 84)) ?? 604800;
    const offset = new Date(from).getTimezoneOffset() * 60000;
    for (let time = Math.ceil((from - offset) / (step * 1000)) * step * 1000 + offset; time <= to; time += step * 1000) {
      if (x(time) < edge.left + 14 || x(time) > width - 22) continue;
      grid.push(svg("line", { class: "mark", x1: x(time), x2: x(time), y1: height - edge.bottom, y2: height - edge.bottom + 4 }),
        svg("text", { class: "tick", x: x(time), y: height - 4, "text-anchor": "middle" }, timeText(time, step)));
    }
    let line = "";
    let area = "";
    let isOpen = false;
    let last = null;
    const close = () => { if (last) area += `L${last} ${height - edge.bottom}Z`; };
    for (const { time, value } of this.#points) {
      if (value === null || time < from) {
        if (isOpen) close();
        isOpen = false;
        last = null;
        continue;
      }
      const [left, top] = [x(time).toFixed(1), y(value).toFixed(1)];
      line += `${isOpen ? "L" : "M"}${left} ${top}`;
      area += isOpen ? `L${left} ${top}` : `M${left} ${height - edge.bottom}L${left} ${top}`;
      isOpen = true;
      last = left;
    }
    if (isOpen) close();
    const empty = line === "" ? svg("text", { class: "tick", x: width / 2, y: height / 2, "text-anchor": "middle" }, "no values in this time") : null;
    this.cursorLine = svg("g", { class: "crosshair", visibility: "hidden" },
      svg("line", { y1: edge.top, y2: height - edge.bottom }), svg("circle", { r: 3.5 }));
    this.#picture.replaceChildren(...grid, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: line }), ...(empty ? [empty] : []), this.cursorLine);
    this.#move(this.#cursor);
    this.#describe();
  }

  #tick(value, step) {
    if (this.unit === "seconds") return duration(Math.max(0, value));
    if (this.unit === "bytes") return bytes(value);
    if (step < 1) return value.toFixed(Math.min(3, Math.ceil(-Math.log10(step))));
    return step < 1000 && value >= 10000 && value < 1e7 ? Math.round(value).toLocaleString("en-US") : compact(Math.round(value));
  }

  #describe() {
    const values = this.#points.map((point) => point.value).filter((value) => value !== null);
    this.#picture.setAttribute("aria-label", values.length === 0 ? `${this.title}: no values`
      : `${this.title}: now ${measure(values.at(-1), this.unit)}, lowest ${measure(Math.min(...values), this.unit)}, highest ${measure(Math.max(...values), this.unit)}. Left and right arrow keys read values.`);
  }

  #point(left) {
    if (this.#points.length === 0 || this.#width === 0) return;
    const [from, to] = this.#range;
    const time = from + ((left - edge.left) / (this.#width - edge.left - edge.right)) * (to - from);
    let best = 0;
    this.#points.forEach((point, index) => {
      if (Math.abs(point.time - time) < Math.abs(this.#points[best].time - time)) best = index;
    });
    this.#move(best);
  }

  #move(index) {
    this.#cursor = index;
    const point = index === null ? this.#points.findLast((each) => each.value !== null) : this.#points[index];
    setText(this.#value, point ? measure(point.value, this.unit) : "");
    setText(this.#when, index === null || !point ? "" : clock(new Date(point.time).toISOString()));
    if (!this.cursorLine) return;
    const isShown = index !== null && point && point.value !== null;
    this.cursorLine.setAttribute("visibility", isShown ? "visible" : "hidden");
    if (!isShown) return;
    const { x, y } = this.#scales();
    const [line, dot] = this.cursorLine.children;
    line.setAttribute("x1", x(point.time));
    line.setAttribute("x2", x(point.time));
    dot.setAttribute("cx", x(point.time));
    dot.setAttribute("cy", y(point.value));
  }
}

function niceStep(rough, unit) {
  const base = unit === "bytes" ? 1024 : 10;
  const power = base ** Math.floor(Math.log(rough) / Math.log(base));
  const steps = unit === "bytes" ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 5, 10];
  const step = steps.find((factor) => factor * power >= rough * 0.999) * power;
  return unit === "seconds" ? step : Math.max(step, unit === "frames" || unit === "findings" || unit === "pins" || unit === "blocks" ? 1 : 0);
}

function timeText(time, step) {
  const date = new Date(time);
  if (step >= 86400) return day(date);
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}) });
}
