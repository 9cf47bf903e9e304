import { ClientError, type Fault } from "../errors.ts";
import { pointerPart, validationError } from "./problem.ts";

/** How deeply arrays and objects may be nested in each other. */
const depthMax = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body's bytes, of which no more than `limitBytes` are ever read. */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array> {
  const type = request.headers.get("content-type");
  if (type === null || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new ClientError(
      "unsupported_media_type",
      `Send the body as JSON, with the header "Content-Type: application/json"${type ? `, not ${type.slice(0, 100)}` : ""}.`,
    );
  }
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limitBytes) throw tooLarge(limitBytes);
  try {
    return await (length === null ? readCounted(request, limitBytes) : request.bytes());
  } catch (error) {
    if (request.signal.aborted) throw cutOff(error);
    throw error;
  }
}

/** Without a length, it is counted as it comes. */
async function readCounted(request: Request, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of request.body ?? []) {
    total += chunk.byteLength;
    if (total > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (limitBytes: number) =>
  new ClientError("body_too_large", `The body may have at most ${limitBytes} bytes.`, {
    headers: { connection: "close" },
  });

/** Whoever sent it is gone, or fell silent: an error of theirs, though nobody is there to read of it. */
const cutOff = (cause: unknown) =>
  new ClientError("body_cut_off", "The connection was closed before all of the body had come.", { cause });

/** JSON (RFC 8259). Whether all of it can be stored is asked of the parts that will be. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new ClientError(
      "malformed_json",
      `The body could not be read as JSON: ${(error as Error).message}`,
    );
  }
}

/**
 * Refuses what could not be stored and read back as it came: a NUL, half of a surrogate pair, a number that
 * became infinite, the key `__proto__`, and nesting beyond any use. `pointer` is where the value stands.
 */
export function requireStorable(value: unknown, pointer: string): void {
  if (isStorable(value, 0)) return;
  const faults: Fault[] = [];
  examine(value, pointer, 0, faults);
  if (faults.length > 0) throw validationError(faults);
}

const tooDeep = () =>
  new ClientError("json_too_deep", `Arrays and objects may be nested ${depthMax} levels deep at most.`);

/** Whether nothing is wrong, which is the rule: without a pointer to each value it takes a notification 0.14 instead of 0.64 µs. */
function isStorable(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return scalarFault(value) === null;
  if (depth >= depthMax) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  for (const key of Object.keys(value)) {
    if (keyFault(key) !== null || !isStorable((value as Record<string, unknown>)[key], depth + 1))
      return false;
  }
  return true;
}

/** Faults named at most: enough to mend a client by. */
const faultsMax = 20;

function examine(value: unknown, pointer: string, depth: number, faults: Fault[]): void {
  const detail = scalarFault(value);
  if (detail !== null && faults.length < faultsMax) faults.push({ pointer, detail });
  if (typeof value !== "object" || value === null) return;
  if (depth >= depthMax) throw tooDeep();
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      examine(value[index], `${pointer}/${index}`, depth + 1, faults);
    }
    return;
  }
  for (const key of Object.keys(value)) {
    const keyDetail = keyFault(key);
    if (keyDetail !== null && faults.length < faultsMax) {
      faults.push({ pointer, detail: `has a key that ${keyDetail}` });
    }
    examine((value as Record<string, unknown>)[key], `${pointer}/${pointerPart(key)}`, depth + 1, faults);
  }
}

const keyFault = (key: string) =>
  key === "__proto__" ? "is named __proto__, which is not taken" : textFault(key);

function scalarFault(value: unknown): string | null {
  if (typeof value === "string") return textFault(value);
  // JSON has no word for it, so it was written as a number beyond what a double can hold.
  if (typeof value === "number" && !Number.isFinite(value)) return "is a number too large to be kept";
  return null;
}

/** Why a text cannot be stored, or null where it can. */
export function textFault(text: string): string | null {
  if (text.includes("\0")) return "contains a NUL character, which cannot be stored";
  if (!text.isWellFormed()) return "contains half of a surrogate pair, which is no character";
  return null;
}
