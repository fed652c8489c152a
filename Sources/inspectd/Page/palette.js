// Colours of the map. Ramps go steadily from dark to light or back, so that they also work without hues.

import { count } from "./format.js";

export const modes = [
  { id: "state", label: "state" },
  { id: "order", label: "order of block" },
  { id: "refcount", label: "references" },
  { id: "generation", label: "generation heat" },
  { id: "pins", label: "pins" },
  { id: "findings", label: "findings" },
];

/** Kinds of which a single frame colours its whole cell: what must not be overlooked. */
const loud = new Set(["poisoned", "quarantined", "inconsistent", "releasing", "free-lost"]);

const ramps = {
  light: {
    cold: ["#dbe4ec", "#a5c8df", "#5f9fca", "#2c6da8", "#1d417c", "#131f49"],
    warm: ["#e9e4da", "#f3cd8c", "#ea984c", "#cf562f", "#92203b", "#4a0d38"],
    nothing: "#d3dae1",
  },
  dark: {
    cold: ["#22303e", "#1f4d70", "#2b7bab", "#55afd0", "#a2d9d9", "#fbf5c8"],
    warm: ["#2d2529", "#5c1e43", "#9f2b45", "#d95a2f", "#f29c4b", "#fbe4a8"],
    nothing: "#2a323b",
  },
};

/** Colours of severities and pins, the same in both themes: blue, orange and vermilion stay apart for everybody. */
const marks = { note: "#56b4e9", warning: "#e69f00", error: "#d55e00" };
export const markColour = (severity) => marks[severity] ?? marks.note;

const channels = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const hex = (parts) => "#" + parts.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("");
const mix = (one, other, share) => {
  const [a, b] = [channels(one), channels(other)];
  return hex(a.map((part, index) => part + (b[index] - part) * share));
};

function along(ramp, place) {
  const scaled = Math.min(1, Math.max(0, place)) * (ramp.length - 1);
  const index = Math.min(ramp.length - 2, Math.floor(scaled));
  return mix(ramp[index], ramp[index + 1], scaled - index);
}

/** Lightness of a colour, 0 to 1, as WCAG computes it. */
export function luminance(colour) {
  const [red, green, blue] = channels(colour).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const references = [[1, 1], [2, 2], [3, 4], [5, 8], [9, 16], [17, 64], [65, 254]];
const heats = [[0, 0], [1, 1], [2, 3], [4, 5], [6, 8], [9, 12], [13, 31]];

/** How often a frame was claimed at least, from the value of a cell: eighths of the binary logarithm. */
const claims = (value) => 2 ** Math.floor((value - 1) / 8);

/**
 * The palette of a mode: `colours` for each value of a cell, `legend` entries with the values they stand for, and
 * `text(value)`, what a value means.
 */
export function palette(by, kinds, isDark) {
  const theme = isDark ? ramps.dark : ramps.light;
  const colours = new Array(256).fill(null);
  const legend = [];
  const entry = (first, last, colour, label, title) => {
    const values = [];
    for (let value = first; value <= last; value += 1) {
      colours[value] = colour;
      values.push(value);
    }
    legend.push({ values, colour, label, title, key: label });
  };
  let text = () => "";
  if (by === "state") {
    kinds.forEach((kind, index) => {
      entry(index, index, safeColour(kind.colour, theme.nothing), kind.name, kind.text);
    });
    text = (value) => (kinds[value] ? `${kinds[value].name}: ${kinds[value].text}` : "");
  } else if (by === "order") {
    for (let order = 0; order <= 11; order += 1) entry(order, order, along(theme.cold, order / 11), `order ${order}`, sizeText(order));
    colours.fill(along(theme.cold, 1), 12, 255);
    text = (value) => `order ${value}`;
  } else if (by === "refcount") {
    entry(0, 0, theme.nothing, "none");
    references.forEach(([first, last], index) => {
      entry(first, last, along(theme.cold, (index + 1) / references.length), first === last ? String(first) : last === 254 ? `${first} and more` : `${first} to ${last}`);
    });
    text = (value) => (value === 0 ? "no references" : value === 254 ? "254 references or more" : `${value} reference${value === 1 ? "" : "s"}`);
  } else if (by === "generation") {
    entry(0, 0, theme.nothing, "never claimed");
    heats.forEach(([first, last], index) => {
      const low = 2 ** first;
      const label = last === 31 ? `${count(low)} times and more` : last === 0 ? "once" : `${count(low)} to ${count(2 ** (last + 1) - 1)} times`;
      entry(1 + 8 * first, Math.min(254, 8 + 8 * last), along(theme.warm, (index + 1) / heats.length), label);
    });
    text = (value) => (value === 0 ? "never claimed" : `claimed ${count(claims(value))}${value < 9 ? " time" : " times or more"}`);
  } else if (by === "pins") {
    entry(0, 0, theme.nothing, "not pinned");
    entry(1, 1, marks.note, "pinned", "a capability holds the block as well");
    entry(2, 2, marks.error, "orphaned pin", "no capability holds the block any more");
    text = (value) => legend[value]?.label ?? "";
  } else {
    entry(0, 0, theme.nothing, "nothing found");
    entry(1, 1, marks.note, "note");
    entry(2, 2, marks.warning, "warning");
    entry(3, 3, marks.error, "error");
    text = (value) => legend[value]?.label ?? "";
  }
  return { by, colours, legend, text, loud: new Set(by === "state" ? kinds.flatMap((kind, index) => (loud.has(kind.name) ? [index] : [])) : []) };
}

const safeColour = (colour, otherwise) => (/^#[0-9a-f]{6}$/i.test(colour ?? "") ? colour.toLowerCase() : otherwise);
const sizeText = (order) => `blocks of ${2 ** order} frame${order === 0 ? "" : "s"}`;

/** The palette as words for ImageData; with `emphasised` values all others fade into the ground. */
export function words(colours, emphasised, ground) {
  const result = new Uint32Array(256);
  colours.forEach((colour, value) => {
    if (!colour) return;
    const shown = emphasised && !emphasised.has(value) ? mix(colour, ground, 0.86) : colour;
    const [red, green, blue] = channels(shown);
    // ImageData is red, green, blue, alpha in memory, and every machine that runs browsers is little-endian.
    result[value] = (255 << 24) | (blue << 16) | (green << 8) | red;
  });
  return result;
}

/** Makes one cell of several: a loud state wins, then the most frequent one; of numbers the highest. */
export function merger({ by, loud: loudValues }) {
  if (by !== "state") {
    return (data, start, stride, length) => {
      let best = 255;
      for (let at = start, step = 0; step < length && at < data.length; step += 1, at += stride) {
        const value = data[at];
        if (value !== 255 && (best === 255 || value > best)) best = value;
      }
      return best;
    };
  }
  const counts = new Uint16Array(256);
  return (data, start, stride, length) => {
    counts.fill(0);
    let best = 255;
    for (let at = start, step = 0; step < length && at < data.length; step += 1, at += stride) {
      const value = data[at];
      if (value === 255) continue;
      counts[value] += 1;
      if (best === 255 || (loudValues.has(value) === loudValues.has(best) ? counts[value] > counts[best] : loudValues.has(value))) best = value;
    }
    return best;
  };
}
