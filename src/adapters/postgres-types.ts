/**
 * How values pass to and from a server, by the numbers of their types (pg_type.dat in PostgreSQL's source).
 * Known here, so that a connection needs not ask the server for them when it opens.
 */

interface ValueType {
  to: number;
  from: number[];
  serialize: (value: unknown) => unknown;
  parse: (text: string) => unknown;
}

const asText = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value));
const asJson = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
const asBoolean = (value: unknown) => (value === true || value === "t" || value === "true" ? "t" : "f");
const same = (text: string) => text;

/** Times stay the server's text: Drizzle reads them as its columns say, and its own overrides do the same. */
const scalars = {
  times: { to: 1184, from: [1082, 1083, 1114, 1184], serialize: asText, parse: same },
  json: { to: 3802, from: [114, 3802], serialize: asJson, parse: JSON.parse },
  boolean: { to: 16, from: [16], serialize: asBoolean, parse: (text: string) => text === "t" },
  // Beyond 2^53 they would be others: as with PGlite, they stay numbers below it.
  bigint: { to: 20, from: [20], serialize: asText, parse: bigintOf },
} satisfies Record<string, ValueType>;

function bigintOf(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** The array's number → how one of its elements is read. */
const arrays: [oid: number, element: (text: string) => unknown][] = [
  [1000, (text) => text === "t"],
  [1005, Number],
  [1007, Number],
  [1016, bigintOf],
  [1021, Number],
  [1022, Number],
  [1009, same],
  [1015, same],
  [2951, same],
  [1182, same],
  [1183, same],
  [1115, same],
  [1185, same],
  [199, JSON.parse],
  [3807, JSON.parse],
];

export const valueTypes: Record<string, ValueType> = {
  ...scalars,
  ...Object.fromEntries(
    arrays.map(([oid, element]) => [
      `array_${oid}`,
      {
        to: oid,
        from: [oid],
        serialize: arrayLiteral,
        parse: (text: string) => parseArray(text, element),
      },
    ]),
  ),
};

const toQuote = /["\\]/g;
/** Quotes may be left out where neither these nor the word "null" stand in an element (PostgreSQL, §8.15.6). */
const plain = /^[0-9A-Za-z_.:+-]+$/;
const nullWord = /^null$/i;

/** A JavaScript array as PostgreSQL's array literal; text is taken for one already. */
export function arrayLiteral(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  let literal = "{";
  for (let index = 0; index < value.length; index += 1) {
    if (index > 0) literal += ",";
    const element = value[index];
    if (element === null || element === undefined) literal += "null";
    else if (Array.isArray(element)) literal += arrayLiteral(element);
    else {
      const text =
        typeof element === "object" && !(element instanceof Date) ? asJson(element) : asText(element);
      literal += plain.test(text) && !nullWord.test(text) ? text : `"${text.replace(toQuote, "\\$&")}"`;
    }
  }
  return `${literal}}`;
}

/** An array literal of the server's, of whatever depth. */
export function parseArray<T>(literal: string, element: (text: string) => T): (T | null | unknown[])[] {
  // A literal may begin with its bounds, as [0:2]={…}.
  let at = literal.indexOf("{");
  const read = (): unknown[] => {
    const list: unknown[] = [];
    at += 1; // Its opening brace.
    while (literal[at] !== "}") {
      if (literal[at] === "{") list.push(read());
      else if (literal[at] === '"') list.push(element(readQuoted()));
      else {
        const start = at;
        while (literal[at] !== "," && literal[at] !== "}") at += 1;
        const text = literal.slice(start, at);
        list.push(text === "NULL" ? null : element(text));
      }
      if (literal[at] === ",") at += 1;
    }
    at += 1;
    return list;
  };
  const readQuoted = () => {
    let text = "";
    for (at += 1; literal[at] !== '"'; at += 1) {
      if (literal[at] === "\\") at += 1;
      text += literal[at];
    }
    at += 1;
    return text;
  };
  return read() as (T | null | unknown[])[];
}
