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
    return issue.keys.map((key) => faultAt([...path, key], "is not a field that is known here", place));
  }
  if (issue.code === "invalid_union") {
    // Of a union's branches, the one that came furthest says best what is wrong.
    const [nearest] = issue.errors.toSorted((a, b) => reach(b) - reach(a));
    if (nearest !== undefined && reach(nearest) > 0) {
      return nearest.flatMap((inner) => faultsOfIssue(inner, path, place));
    }
    return [faultAt(path, "is of none of the types that are taken here", place)];
  }
  if (issue.code === "invalid_key") {
    const words = issue.issues.map(({ message }) => message).join("; ");
    return [faultAt(path, words || issue.message, place)];
  }
  return [faultAt(path, wordsOf(issue), place)];
}

/** How far into the value a branch came: a mismatch of its own type is no distance at all. */
function reach(issues: Issue[]): number {
  if (issues.some(({ code, path }) => code === "invalid_type" && path.length === 0)) return 0;
  return 1;
}

function wordsOf(issue: Issue): string {
  if (issue.code === "invalid_type") {
    return issue.input === undefined && issue.message.includes("undefined")
      ? "is missing"
      : `must be of type ${issue.expected}`;
  }
  if (issue.code === "invalid_value") {
    return `must be ${issue.values.length > 1 ? "one of " : ""}${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
  }
  return issue.message;
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
    first === undefined ? "Something is not valid." : `${where || "the body"} ${first.detail}${more}`;
  return new ClientError("validation_failed", detail, { faults });
}

/** An answer to a client's error: application/problem+json (RFC 9457). */
export function problemResponse(
  error: ClientError,
  { instance, requestId }: { instance: string; requestId: string },
) {
  return new Response(JSON.stringify({ ...problemOf(error), instance, request_id: requestId }), {
    status: error.status,
    headers: { "content-type": "application/problem+json", "x-request-id": requestId, ...error.headers },
  });
}
