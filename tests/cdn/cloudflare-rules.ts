/** Cloudflare's rules, as far as deploy/cdn/cloudflare uses their language. */

interface Request {
  host: string;
  path: string;
}

const fields: Record<string, keyof Request> = { "http.host": "host", "http.request.uri.path": "path" };

/**
 * Whether a rule's expression is true of a request. It knows `and`, `or`, `eq`, `in {…}`, `starts_with` and brackets.
 *
 * @throws Error on anything else
 */
export function matches(expression: string, request: Request): boolean {
  const tokens = expression.match(/"[^"]*"|[\w.]+|[(){},]/g) ?? [];
  let at = 0;
  const next = () => tokens[at++] ?? "";
  const expect = (token: string) => {
    const found = next();
    if (found !== token) throw new Error(`"${token}" is expected, not "${found}": ${expression}`);
  };
  const field = () => {
    const name = next();
    const key = fields[name];
    if (!key) throw new Error(`unknown field ${name}: ${expression}`);
    return request[key];
  };
  const literal = () => JSON.parse(next()) as string;

  function any(): boolean {
    let value = all();
    while (tokens[at] === "or") {
      next();
      value = all() || value;
    }
    return value;
  }
  function all(): boolean {
    let value = comparison();
    while (tokens[at] === "and") {
      next();
      value = comparison() && value;
    }
    return value;
  }
  function comparison(): boolean {
    if (tokens[at] === "(") {
      next();
      const value = any();
      expect(")");
      return value;
    }
    if (tokens[at] === "starts_with") {
      next();
      expect("(");
      const text = field();
      expect(",");
      const start = literal();
      expect(")");
      return text.startsWith(start);
    }
    const text = field();
    const operator = next();
    if (operator === "eq") return text === literal();
    if (operator !== "in") throw new Error(`unknown operator ${operator}: ${expression}`);
    expect("{");
    const values: string[] = [];
    while (tokens[at] !== "}") values.push(literal());
    expect("}");
    return values.includes(text);
  }

  const value = any();
  if (at < tokens.length) throw new Error(`"${tokens[at]}" is left over: ${expression}`);
  return value;
}
