import { html } from "hono/html";
import { catalogue, type ErrorCode } from "../errors.ts";
import { type Components, constraintsOf, type Field, fieldsOf, type Schema, typeOf } from "./docs-schema.ts";
import { anchor, code, type Fragment, prose } from "./docs-text.ts";

/** One operation of the description, as OpenAPI writes it. */
export interface Described {
  method: string;
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security?: unknown[];
  parameters: {
    name: string;
    in: string;
    required: boolean;
    description?: string;
    schema: Schema;
    example?: unknown;
  }[];
  requestBody?: { content: Record<string, { schema: Schema; example: unknown }> };
  responses: Record<string, Answer>;
}

interface Answer {
  content?: Record<string, { example?: unknown; examples?: Record<string, unknown> }>;
}

const json = "application/json";

/** Where the examples are sent: what the service listens on unless told otherwise. */
const exampleOrigin = "http://localhost:3000";

export function operationSection(operation: Described, components: Components): Fragment {
  const { operationId, method, path, summary, description = "" } = operation;
  const body = operation.requestBody?.content[json];
  return html`<article class="operation" id="${operationId}">
<h3>${anchor(operationId, summary)}</h3>
<p class="address"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></p>
${prose(description)}
${fieldsTable(
  "Parameters",
  operation.parameters.map((parameter) => parameterField(parameter, components)),
)}
${body === undefined ? "" : fieldsTable("Body", fieldsOf(body.schema, components))}
<h4>Example</h4>
<pre>${curlOf(operation)}</pre>
${successOf(operation)}
<h4>Errors</h4>
<p class="errors">${errorsOf(operation).map(errorLink)}</p>
</article>`;
}

function parameterField(
  { name, in: place, required, description = "", schema }: Described["parameters"][number],
  components: Components,
): Field {
  const labels = schema.type === "object";
  return {
    name: labels ? `${name}.<key>` : name,
    type: `${labels ? "string" : typeOf(schema, components)} in ${place}`,
    required,
    description,
    constraints: labels ? [] : constraintsOf(schema, components),
  };
}

function fieldsTable(title: string, fields: Field[]): Fragment {
  if (fields.length === 0) return "";
  return html`<h4>${title}</h4>
<table class="fields">
<tbody>${fields.map(
    ({ name, type, required, description, constraints }) => html`
<tr><th scope="row">${code(name)}${required ? html` <span class="required">required</span>` : ""}</th>
<td><span class="type">${type}</span>${description === "" ? "" : prose(description)}${
      constraints.length === 0 ? "" : html`<p class="constraints">${constraints.join("; ")}</p>`
    }</td></tr>`,
  )}
</tbody></table>`;
}

/** A request that works when pasted, with the key in `CARILLON_KEY`. */
function curlOf({ method, path, parameters, requestBody, security }: Described): string {
  const examples = new Map(parameters.map(({ name, example }) => [name, String(example)]));
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => examples.get(name) ?? name);
  const verb = method === "get" || (method === "post" && requestBody) ? "" : ` -X ${method.toUpperCase()}`;
  const lines = [`curl -s${verb} ${exampleOrigin}${address}`];
  if (security === undefined) lines.push(`-H "Authorization: Bearer $CARILLON_KEY"`);
  const body = requestBody?.content[json]?.example;
  if (body !== undefined) {
    lines.push(
      `-H "Content-Type: application/json"`,
      `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
    );
  }
  return lines.join(" \\\n  ");
}

function successOf({ responses }: Described): Fragment {
  const [status, answer] = Object.entries(responses).find(([status]) => status.startsWith("2")) ?? [];
  const [type, { example } = {}] = Object.entries(answer?.content ?? {})[0] ?? [];
  if (example === undefined) return "";
  const text = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  return html`<p class="answer">Answers <strong>${status}</strong> with <code>${type}</code></p>
<pre>${text}</pre>`;
}

function errorsOf({ responses }: Described): ErrorCode[] {
  return Object.values(responses).flatMap(
    ({ content }) => Object.keys(content?.["application/problem+json"]?.examples ?? {}) as ErrorCode[],
  );
}

const errorLink = (name: ErrorCode) =>
  html`<a href="#error-${name}"><span class="status">${catalogue[name].status}</span> ${name}</a> `;
