// The daemon's HTTP API. Every failure is a Problem with a sentence that can be shown.

const limit = 20000;

/** A request that failed: `status` is 0 where no answer came. */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

const path = (guest, rest) => `/v1/guests/${encodeURIComponent(guest)}${rest}`;

async function json(url, { signal } = {}) {
  const timeout = AbortSignal.timeout(limit);
  let answer;
  try {
    answer = await fetch(url, {
      headers: { Accept: "application/json" },
      signal: signal && AbortSignal.any ? AbortSignal.any([signal, timeout]) : signal ?? timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "no answer", timeout.aborted
      ? `The daemon did not answer within ${limit / 1000} seconds.`
      : "The daemon cannot be reached.");
  }
  let body = null;
  try { body = await answer.json(); } catch { /* told below: every answer is JSON */ }
  if (!answer.ok) {
    throw new Problem(answer.status, body?.title ?? answer.statusText, body?.detail ?? body?.title ?? `HTTP ${answer.status}`);
  }
  if (body === null) throw new Problem(answer.status, "not JSON", "The daemon's answer was cut short.");
  return body;
}

export const guests = () => json("/v1/guests").then((body) => body.guests);
export const frame = (guest, number, options) => json(path(guest, `/frames/${number}`), options);
export const biography = (guest, number, options) => json(path(guest, `/frames/${number}/history`), options);
export const owner = (guest, address, options) => json(path(guest, `/owner/${address}`), options);
export const pins = (guest) => json(path(guest, "/pins"));
export const findings = (guest, state) => json(path(guest, `/findings?since=0&state=${state}`)).then((body) => body.findings);
export const metrics = (guest) => json(path(guest, "/history")).then((body) => body.metrics);

/** Points of a metric over the last `seconds`, about 300 of them. */
export function points(guest, metric, seconds) {
  const now = Date.now();
  const query = new URLSearchParams({
    metric,
    from: new Date(now - seconds * 1000).toISOString(),
    to: new Date(now).toISOString(),
    step: String(Math.max(1, Math.round(seconds / 300))),
  });
  return json(path(guest, `/history?${query}`)).then((body) => body.points);
}

/** Cells of the frame map: the answer with `data` as bytes. */
export async function cells(guest, { by, first, count, level }, options) {
  const query = new URLSearchParams({ by, first, count, level });
  const body = await json(path(guest, `/map?${query}`), options);
  body.data = decode(body.data);
  return body;
}

function decode(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const result = new Uint8Array(raw.length);
  for (let index = 0; index < raw.length; index += 1) result[index] = raw.charCodeAt(index);
  return result;
}
