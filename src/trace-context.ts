/**
 * Where a notification stands in a trace of its sender's (W3C Trace Context, https://www.w3.org/TR/trace-context/): what
 * came with the request, kept with the notification and passed on to whoever sends it.
 */
export interface TraceContext {
  /** Of version 00: `00-<trace id>-<parent id>-<flags>`, all of it in lowercase hex. */
  traceparent: string;
  /** What vendors add, as it came. */
  tracestate: string | null;
}

/** The parts of a `traceparent`. */
export interface TraceParent {
  traceId: string;
  /** Of the span that the next one hangs under. */
  spanId: string;
  flags: number;
}

/** Sampled, and (level 2) an id whose last 56 bits are random. Any other flag is to be passed on as 0. */
const flagsKnown = 0b11;

/** §3.2.2.3: the least that is to be passed on whole, and here the most. */
export const tracestateMaxChars = 512;
/** §3.3.1.1 */
const tracestateMembersMax = 32;

/** A later version may have more behind the flags, after another hyphen. */
const parentPattern =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** §3.3.1.3: a key, or a tenant's key of a vendor, and printable ASCII without comma and equals sign, not ending with a space. */
const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * What the headers of a request say. Null without a `traceparent` that is valid: then whatever else they say does not count. A
 * `tracestate` that is not valid is dropped by itself (§3.3).
 */
export function traceContextOf(headers: Headers): TraceContext | null {
  const given = headers.get("traceparent");
  if (given === null) return null;
  const parent = parseTraceparent(given);
  if (parent === null) return null;
  return { traceparent: traceparentOf(parent), tracestate: tracestateOf(headers.get("tracestate")) };
}

/** Null where it is not valid. Of a later version, what this one knows is read (§3.2.4). */
export function parseTraceparent(text: string): TraceParent | null {
  const [, version, traceId, spanId, flags, more] = parentPattern.exec(text.trim()) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === "00" && more !== undefined) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & flagsKnown };
}

export const traceparentOf = ({ traceId, spanId, flags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;

/** Null where there is none, or none that may be passed on. */
function tracestateOf(given: string | null): string | null {
  if (given === null || given.length > tracestateMaxChars) return null;
  const members = given
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length === 0 || members.length > tracestateMembersMax) return null;
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  if (keys.size < members.length || !members.every((member) => memberPattern.test(member))) return null;
  return members.join(",");
}

/** As headers of a request that continues it. */
export function traceHeadersOf(trace: TraceContext | null): Record<string, string> {
  if (trace === null) return {};
  const { traceparent, tracestate } = trace;
  return tracestate === null ? { traceparent } : { traceparent, tracestate };
}

/** As the database's columns have it. */
export const traceOfColumns = (traceparent: string | null, tracestate: string | null): TraceContext | null =>
  traceparent === null ? null : { traceparent, tracestate };
