/** The report's one style, for light and dark. */
export const reportStyle = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2128; --faint: #656d76; --rule: #d8dee4;
  --good: #1a7f37; --bad: #cf222e; --c0: #0969da; --c1: #bc4c00; --c2: #8250df; --c3: #1a7f37; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --rule: #30363d;
    --good: #3fb950; --bad: #ff7b72; --c0: #58a6ff; --c1: #f0883e; --c2: #bc8cff; --c3: #3fb950; }
}
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 0.5rem; }
p { margin: 0.25rem 0; color: var(--faint); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { color: var(--faint); font-weight: 500; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
.held { color: var(--good); }
.missed { color: var(--bad); font-weight: 600; }
figure { margin: 1.5rem 0 0; }
figcaption { display: flex; justify-content: space-between; flex-wrap: wrap; gap: 0 1rem; font-weight: 500; }
figcaption ul { display: flex; gap: 1rem; margin: 0; padding: 0; list-style: none; font-weight: 400; }
figcaption li::before { content: ""; display: inline-block; width: 0.9em; height: 3px; margin-right: 0.4em;
  vertical-align: middle; background: currentColor; }
svg { display: block; width: 100%; height: auto; margin-top: 0.4rem; }
.grid { stroke: var(--rule); stroke-width: 1; fill: none; }
.scale { fill: var(--faint); font: 12px system-ui, sans-serif; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.line0 { stroke: var(--c0); } .line1 { stroke: var(--c1); } .line2 { stroke: var(--c2); } .line3 { stroke: var(--c3); }
.name0 { color: var(--c0); } .name1 { color: var(--c1); } .name2 { color: var(--c2); } .name3 { color: var(--c3); }
`;
