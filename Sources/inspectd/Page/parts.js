// Small pieces that several parts of the page show.

import { el } from "./dom.js";

/** A place in the kernel's code or data. */
export function codePlace(location) {
  return [
    el("code", {}, location.symbol ?? location.address),
    location.symbol && el("span", { class: "muted small" }, " ", location.address),
    location.source && el("span", { class: "muted source" }, location.source),
    location.problem && el("span", { class: "wrong" }, location.problem),
  ];
}

/** A sentence about a failed request. */
export function problemText(problem) {
  const text = problem?.message || "the daemon gave no answer";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
