import { html } from "hono/html";
import type { Fragment } from "./docs-text.ts";
import { hashOf } from "./fixed.ts";

/** The look of the pages that the binary serves: no script, nothing from elsewhere. */
export const style = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1c1b22, #e8e6ef); --soft: light-dark(#6b6878, #a09db0);
  --ground: light-dark(#fff, #16151b); --panel: light-dark(#f6f5fa, #201f28);
  --line: light-dark(#e3e1ea, #34323f); --accent: light-dark(#6d28d9, #b794ff);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; font: 16px/1.6 system-ui, sans-serif; color: var(--text); background: var(--ground); }
main { max-width: 52rem; margin: 0 auto; padding: 2rem 1.5rem 6rem; min-width: 0; }
h1, h2, h3, h4 { line-height: 1.25; }
h1 { font-size: 2.2rem; margin: 0 0 0.5rem; letter-spacing: -0.02em; }
h2 { font-size: 1.6rem; margin: 3rem 0 1rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.2rem; margin: 0 0 0.4rem; }
h4 { margin: 1.5rem 0 0.4rem; font-size: 0.8rem; text-transform: uppercase; letter-spacing: 0.06em; color: var(--soft); }
p { margin: 0.5rem 0; }
a { color: var(--accent); }
a.anchor { color: inherit; text-decoration: none; }
a.anchor:hover { color: var(--accent); }
code, pre { font: 0.875em/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
:not(pre) > code { padding: 0.1em 0.3em; background: var(--panel); border-radius: 4px; overflow-wrap: anywhere; }
pre { margin: 0.5rem 0; padding: 0.8rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 0.75rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.5rem 0.9rem 0.5rem 0; border-bottom: 1px solid var(--line); font-weight: normal; }
th code { white-space: nowrap; }
thead th { font-size: 0.8rem; color: var(--soft); }
td p { margin: 0; }
.fields th { width: 34%; }
.fields th code { padding: 0; background: none; font-weight: 600; white-space: normal; }
.required { margin-left: 0.4rem; font-size: 0.75rem; color: light-dark(#b4232c, #ff9aa0); }
.type { font-size: 0.85rem; color: var(--soft); }
.constraints { font-size: 0.85rem; color: var(--soft); overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
.columns main { margin: 0; margin-left: clamp(0rem, 3vw, 5rem); }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 3rem 1.5rem; border-right: 1px solid var(--line); font-size: 0.875rem; }
nav h2 { margin: 1.3rem 0 0.3rem; padding: 0; border: 0; font-size: 0.75rem; text-transform: uppercase; letter-spacing: 0.06em; color: var(--soft); }
nav ul { margin: 0; padding: 0; list-style: none; }
nav li { line-height: 1.35; }
nav li a { display: block; padding: 0.2rem 0; color: var(--text); text-decoration: none; }
nav a:hover { color: var(--accent); }
.brand { margin: 0; font-size: 1.1rem; font-weight: 700; }
.brand a { color: var(--accent); text-decoration: none; }
.operation { padding: 1.75rem 0; border-bottom: 1px solid var(--line); }
.address { font-size: 1rem; }
.method { padding: 0.15rem 0.45rem; border-radius: 4px; font: 700 0.75rem/1.4 ui-monospace, monospace; color: #fff; background: #57534e; }
.method.get { background: #1d6fb8; } .method.post { background: #15803d; } .method.put, .method.patch { background: #a16207; } .method.delete { background: #b4232c; }
.answer { margin-top: 0.9rem; font-size: 0.9rem; color: var(--soft); }
.errors { display: flex; flex-wrap: wrap; gap: 0.35rem 0.9rem; font-size: 0.85rem; }
.errors a { text-decoration: none; }
.status { font-variant-numeric: tabular-nums; font-weight: normal; color: var(--soft); }
.error { padding: 0.9rem 0; border-bottom: 1px solid var(--line); }
:target { scroll-margin-top: 1rem; }
.error:target, .operation:target { box-shadow: -0.75rem 0 var(--ground), -0.9rem 0 var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.75rem 0; font-size: 0.9rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.tag { padding: 0.15rem 0.55rem; border-radius: 999px; background: var(--accent); color: var(--ground); font-size: 0.75rem; font-weight: 600; }
.message { border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.2rem; margin: 1.2rem 0; }
.message header { display: flex; gap: 0.7rem; align-items: center; }
.message pre { margin-bottom: 0; }
.empty { padding: 2rem; border: 1px dashed var(--line); border-radius: 10px; color: var(--soft); }
@media (max-width: 56rem) {
  .columns { display: block; }
  .columns main { margin-left: 0; }
  .fields, .fields tbody, .fields tr, .fields th, .fields td { display: block; width: auto; }
  .fields th { border-bottom: 0; padding-bottom: 0; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
}
`;

/** A bell, for the browser's tab. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#7c3aed" d="M16 2a3 3 0 0 1 3 3v.6A9 9 0 0 1 25 14c0 6 1.600 8.200 3.300 9.700.900.800.300 2.300-.900 2.300H4.600c-1.200 0-1.800-1.500-.900-2.300C5.400 22.200 7 20 7 14a9 9 0 0 1 6-8.400V5a3 3 0 0 1 3-3Zm-4 26h8a4 4 0 0 1-8 0Z"/></svg>`;

/** What pages load, by addresses that change with what is there. */
export const stylePath = `/assets/page.${hashOf(style)}.css`;
export const iconPath = `/assets/bell.${hashOf(icon)}.svg`;

/** A whole page around its body. */
export function page({ title, body }: { title: string; body: Fragment }): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${iconPath}" type="image/svg+xml">
<link rel="stylesheet" href="${stylePath}">
</head>
<body>
${body}
</body>
</html>
`);
}
