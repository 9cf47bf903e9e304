import type { Context } from "hono";
import { textFault } from "./body.ts";
import { validationError } from "./problem.ts";
import type { Env } from "./server.ts";

/** What stands in a request's address. */

const labelPrefix = "metadata.";

/** The path's parameters. Hono leaves what it cannot decode as it is; here that is a fault. */
export function pathOf(context: Context<Env>): Record<string, string> {
  const { url } = context.req;
  if (url.includes("%")) requireUtf8(new URL(url).pathname, "path");
  return context.req.param() as Record<string, string>;
}

/**
 * The query's parameters. One that is given twice is a mistake, not a list. Labels come as
 * `metadata.<key>=<value>` and leave as one record, so that a schema knows all the names there are.
 */
export function queryOf({ url }: Request): Record<string, unknown> {
  const from = url.indexOf("?");
  if (from === -1) return {};
  const search = url.slice(from + 1);
  requireUtf8(search, "query");
  const query = new Map<string, unknown>();
  const labels = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const label = name.startsWith(labelPrefix) ? name.slice(labelPrefix.length) : null;
    const twice = query.has(name) || (label !== null && labels.has(label));
    const fault =
      textFault(name) ??
      textFault(value) ??
      (twice ? "is given more than once" : null) ??
      // What validates a record passes over this name.
      (label === "__proto__" ? "is not taken" : null);
    if (fault !== null) throw validationError([{ parameter: name, detail: fault }]);
    if (label === null) query.set(name, value);
    else labels.set(label, value);
  }
  // From entries, since an assignment to `__proto__` would be lost.
  if (labels.size > 0) query.set("metadata", Object.fromEntries(labels));
  return Object.fromEntries(query);
}

function requireUtf8(text: string, parameter: string): void {
  try {
    decodeURIComponent(text);
  } catch {
    throw validationError([{ parameter, detail: "is not UTF-8 in percent-encoding" }]);
  }
}
