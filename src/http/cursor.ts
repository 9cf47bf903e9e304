import type { Page } from "../../db/page.ts";
import { validationError } from "./problem.ts";

/** A cursor is opaque: an id, dressed so that nobody builds on what is in it. */
const encode = (id: string) => Buffer.from(id).toString("base64url");

function decode(cursor: string, parameter: string, isKey: (id: string) => boolean): string {
  const id = Buffer.from(cursor, "base64url").toString();
  if (!isKey(id)) {
    throw validationError([
      { parameter, detail: "is no cursor of ours: use the `next` or `previous` of a page" },
    ]);
  }
  return id;
}

export interface PageQuery {
  limit: number;
  after?: string | undefined;
  before?: string | undefined;
}

/** The page a query asks for. Lists run from new to old: `after` goes on to older ones, `before` back to newer. */
export function pageFrom({ limit, after, before }: PageQuery, isKey: (id: string) => boolean): Page {
  if (after !== undefined && before !== undefined) {
    throw validationError([{ parameter: "before", detail: "cannot be combined with `after`" }]);
  }
  return {
    limit,
    olderThan: after === undefined ? undefined : decode(after, "after", isKey),
    newerThan: before === undefined ? undefined : decode(before, "before", isKey),
  };
}

/** Cuts the one row too many off, puts the rows in order, and gives the cursors to its neighbours. */
export function pageReply<Row>(
  rows: Row[],
  { limit, olderThan, newerThan }: Page,
  idOf: (row: Row) => string,
): { rows: Row[]; next: string | null; previous: string | null } {
  const more = rows.length > limit;
  const page = newerThan === undefined ? rows.slice(0, limit) : rows.slice(0, limit).reverse();
  const newest = page[0];
  const oldest = page.at(-1);
  const hasOlder = newerThan === undefined ? more : true;
  const hasNewer = newerThan === undefined ? olderThan !== undefined : more;
  return {
    rows: page,
    next: hasOlder && oldest !== undefined ? encode(idOf(oldest)) : null,
    previous: hasNewer && newest !== undefined ? encode(idOf(newest)) : null,
  };
}
