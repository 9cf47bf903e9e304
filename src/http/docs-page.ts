import { html } from "hono/html";
import { catalogue, type ErrorCode } from "../errors.ts";
import { guideSection, guides } from "./docs-guides.ts";
import { type Described, operationSection } from "./docs-operation.ts";
import type { Components } from "./docs-schema.ts";
import { anchor, type Fragment, prose } from "./docs-text.ts";
import { errorAdvice } from "./error-advice.ts";
import { page } from "./page-style.ts";

/** What the page shows of the description. */
type Description = {
  info: { title: string; version: string; description: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Omit<Described, "method" | "path">>>;
  components: { schemas: Components };
};

/** The API's description as a page to read: made once, at the start. */
export function docsPage(openApi: Record<string, unknown>): string {
  const { info, tags, paths, components } = openApi as Description;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Described => ({ ...operation, method, path })),
  );
  const groups = tags.map(({ name }) => ({
    name,
    operations: operations.filter((operation) => operation.tags.includes(name)),
  }));
  return page({
    title: "API · Carillon",
    body: html`<div class="columns">
<nav aria-label="Contents">
<p class="brand"><a href="#top">Carillon</a></p>
${contents(
  "Guide",
  guides.map(({ id, title }) => ({ id, title })),
)}
${groups.map(({ name, operations }) =>
  contents(
    name,
    operations.map(({ operationId, summary }) => ({ id: operationId, title: summary })),
  ),
)}
${contents("Errors", [{ id: "errors", title: "What to do about each" }])}
</nav>
<main id="top">
<h1>${info.title} API</h1>
${prose(info.description)}
<p>For programs, the same in OpenAPI 3.1: <a href="/openapi.json">openapi.json</a>.</p>
${guides.map(guideSection)}
${groups.map(
  ({ name, operations }) => html`<section id="${groupId(name)}">
<h2>${anchor(groupId(name), name)}</h2>
${operations.map((operation) => operationSection(operation, components.schemas))}
</section>`,
)}
${errorsSection}
</main>
</div>`,
  });
}

const groupId = (name: string) => `group-${name.toLowerCase()}`;

function contents(title: string, links: { id: string; title: string }[]): Fragment {
  return html`<h2>${title}</h2>
<ul>${links.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul>`;
}

const errorsSection: Fragment = html`<section id="errors">
<h2>${anchor("errors", "Errors")}</h2>
${prose(
  "An error is a problem (RFC 9457), `application/problem+json`: decide by its `code`, read its `detail`, and report its `request_id`. Its `type` leads here.",
)}
${(Object.keys(catalogue) as ErrorCode[]).map(
  (name) => html`<article class="error" id="error-${name}">
<h3>${anchor(`error-${name}`, name)} <span class="status">${catalogue[name].status}</span></h3>
<p>${catalogue[name].title}.</p>
${prose(errorAdvice[name])}
</article>`,
)}
</section>`;
