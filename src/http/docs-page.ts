/** Placeholder until its page stands. */
export function docsPage(description: Record<string, unknown>): string {
  return `<!doctype html><pre>${JSON.stringify(description)}</pre>`;
}
