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
export const problemText = (problem) => problem?.message ?? "The daemon gave no answer.";
