import { html } from "hono/html";

/** What `html` gives, or nothing. Every value put into a template is escaped by it. */
export type Fragment = ReturnType<typeof html> | "";

export const code = (text: string): Fragment => html`<code>${text}</code>`;

/** A heading that is a link to itself. */
export const anchor = (id: string, text: string): Fragment =>
  html`<a class="anchor" href="#${id}">${text}</a>`;

/** Paragraphs apart by an empty line, code between backticks. */
export function prose(text: string): Fragment[] {
  return text.split("\n\n").map((paragraph) => {
    const parts = paragraph.split("`");
    return html`<p>${parts.map((part, index) => (index % 2 === 1 ? code(part) : part))}</p>`;
  });
}

/** Rows of cells, the first of each a heading. Cells are prose. */
export function table(heads: string[], rows: string[][]): Fragment {
  return html`<table>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first = "", ...rest]) => html`
<tr><th scope="row">${code(first)}</th>${rest.map((cell) => html`<td>${prose(cell)}</td>`)}</tr>`,
  )}
</tbody></table>`;
}
