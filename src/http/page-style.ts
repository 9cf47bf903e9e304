/** The look of the pages that the binary serves. */
export const pageStyle = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #8a4fff; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1, h2, h3 { line-height: 1.25; }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem 1rem; background: var(--soft); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--accent); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; }
dt { opacity: 0.7; }
dd { margin: 0; overflow-wrap: anywhere; }
.tag { padding: 0.1rem 0.5rem; border-radius: 999px; background: var(--accent); color: #fff; font-size: 0.8em; }
.message { border: 1px solid var(--line); border-radius: 8px; padding: 1rem; margin: 1rem 0; }
.empty { opacity: 0.7; }
`;

/** A bell, for the browser's tab. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#7c3aed" d="M16 2a3 3 0 0 1 3 3v.6A9 9 0 0 1 25 14c0 6 1.6 8.200 3.300 9.700.9.800.3 2.300-.9 2.300H4.600c-1.200 0-1.800-1.500-.9-2.300C5.400 22.200 7 20 7 14a9 9 0 0 1 6-8.400V5a3 3 0 0 1 3-3Zm-4 26h8a4 4 0 0 1-8 0Z"/></svg>`;
