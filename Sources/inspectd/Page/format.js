// Numbers, sizes and times as people read them.

const grouped = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const frameBytes = 4096;
export const none = "–";

export const count = (value) => grouped.format(value);
export const compact = (value) => (Math.abs(value) < 10000 ? grouped.format(value) : short.format(value));
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/** A size in bytes with its binary unit. */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? count(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A physical address of a frame. Frame numbers stay below 2^40, so the product is exact. */
export const addressOf = (frame) => "0x" + (frame * frameBytes).toString(16);
export const frameOf = (address) => Math.floor(Number(address) / frameBytes);

/** A frame from what somebody typed: an address in hexadecimal, or a frame number in decimal; null for anything else. */
export function parseFrame(text) {
  const trimmed = text.trim().replaceAll(/[_,\s]/g, "");
  if (/^0x[0-9a-f]{1,13}$/i.test(trimmed)) return frameOf(trimmed);
  return /^[0-9]{1,12}$/.test(trimmed) ? Number(trimmed) : null;
}

/** A duration in seconds, with two or three digits that matter. */
export function duration(seconds) {
  if (seconds < 0) return "0 s";
  if (seconds === 0) return "0 s";
  if (seconds < 1e-3) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 1) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 120) return `${digits(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${digits(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const digits = (value) => (value < 10 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value)));

/** How long ago a moment was. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return none;
  if (seconds < 2) return "just now";
  return `${duration(seconds < 120 ? Math.round(seconds) : seconds)} ago`;
}

/** Time of day with seconds; the day as well where it is another one. */
export function clock(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return none;
  const text = time.toLocaleTimeString("en-GB");
  return time.toDateString() === new Date().toDateString() ? text : `${day(time)} ${text}`;
}

export const day = (time) => time.toLocaleDateString("en-GB", { day: "numeric", month: "short" });

/** A value of a metric in its unit. */
export function measure(value, unit) {
  if (value === null || value === undefined) return none;
  if (unit === "seconds") return duration(value);
  if (unit === "bytes") return bytes(Math.round(value));
  const text = Number.isInteger(value) ? count(value) : value.toFixed(value < 10 ? 2 : 1);
  return unit && unit !== "1" ? `${text} ${unit}` : text;
}
