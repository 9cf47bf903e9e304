import type { z } from "zod";
import { ClientError, type Fault, problemOf } from "../errors.ts";

/** What is wrong, fault by fault, in the words of a schema. */
export function faultsOf(error: z.ZodError, place: Place): Fault[] {
  return error.issues.flatMap((issue) => faultsOfIssue(issue, [], place));
}

/** Where what was parsed came from: a JSON pointer's start, or a parameter. */
export type Place = { in: "body"; pointer: string } | { in: "parameter" };

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

function faultsOfIssue(issue: Issue, before: Path, place: Place): Fault[] {
  const path = [...before, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const what = place.in === "body" ? "field" : "parameter";
    return issue.keys.map((key) => faultAt([...path, key], `is not a ${what} that is known here`, place));
  }
  if (issue.code === "invalid_union") {
    // Of a union's branches, the one that came furthest says best what is wrong.
    const nearest = issue.errors.find((inner) => ownTypeIssue(inner) === undefined);
    if (nearest !== undefined) return nearest.flatMap((inner) => faultsOfIssue(inner, path, place));
    return [faultAt(path, wordsOfTypes(issue.errors.flatMap((inner) => ownTypeIssue(inner) ?? [])), place)];
  }
  if (issue.code === "invalid_key") {
    const words = issue.issues.map(({ message }) => message).join("; ");
    return [faultAt(path, words || issue.message, place)];
  }
  return [faultAt(path, wordsOf(issue), place)];
}

type TypeIssue = Extract<Issue, { code: "invalid_type" }>;

/** The value itself, not something in it, is of another type than this branch takes. */
function ownTypeIssue(issues: Issue[]): TypeIssue | undefined {
  return issues.find((issue): issue is TypeIssue => issue.code === "invalid_type" && issue.path.length === 0);
}

/** JSON's words for what zod calls otherwise. */
const typeNames: Record<string, string> = { record: "object", int: "integer", nonoptional: "value" };

function wordsOfTypes(issues: TypeIssue[]): string {
  // zod keeps no input; its message is what tells "undefined" from a wrong type.
  if (issues.every(({ message }) => message.endsWith("received undefined"))) return "is missing";
  const types = new Set(issues.map(({ expected }) => typeNames[expected] ?? expected));
  return `must be of type ${[...types].join(" or ")}`;
}

function wordsOf(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return wordsOfTypes([issue]);
    case "invalid_value":
      return `must be ${issue.values.length > 1 ? "one of " : ""}${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
    case "too_big":
      return wordsOfBound(issue);
    default:
      return issue.message;
  }
}

type BoundIssue = Extract<Issue, { code: "too_small" | "too_big" }>;

const unitOf: Record<string, string> = { string: " characters", array: " items" };

/** A schema's own words, or these. */
function wordsOfBound(issue: BoundIssue): string {
  if (!/^Too (small|big)/.test(issue.message)) return issue.message;
  const unit = unitOf[issue.origin] ?? "";
  return issue.code === "too_small"
    ? `must be at least ${issue.minimum}${unit}`
    : `must be at most ${issue.maximum}${unit}`;
}

function faultAt(path: Path, detail: string, place: Place): Fault {
  if (place.in === "parameter") return { parameter: path.map(String).join("."), detail };
  return { pointer: place.pointer + path.map((part) => `/${pointerPart(String(part))}`).join(""), detail };
}

/** RFC 6901 §3 and §6: `~` and `/` are escaped, the rest as in a URI fragment. */
export function pointerPart(part: string): string {
  return encodeURIComponent(part.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** One sentence over all faults. */
export function validationError(faults: Fault[]): ClientError {
  const [first] = faults;
  const where =
    first === undefined ? "" : "pointer" in first ? first.pointer.replace(/^#\/?/, "") : first.parameter;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const detail =
    first === undefined ? "Something is not valid." : `${where || "the body"}${joined(first.detail)}${more}`;
  return new ClientError("validation_failed", detail, { faults });
}

/** A fault is a sentence's end ("is missing") or a sentence of its own. */
const joined = (detail: string) => (/^\p{Lu}/u.test(detail) ? `: ${detail}` : ` ${detail}`);

/** An answer to a client's error: application/problem+json (RFC 9457). */
export function problemResponse(
  error: ClientError,
  { instance, requestId }: { instance: string; requestId: string },
) {
  return new Response(JSON.stringify({ ...problemOf(error), instance, request_id: requestId }), {
    status: error.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "private, no-store",
      "x-request-id": requestId,
      ...error.headers,
    },
  });
}
