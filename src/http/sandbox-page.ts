import { html } from "hono/html";
import { listSandboxMessages } from "../../db/queries/sandbox.ts";
import type { App } from "../app.ts";
import type { Fragment } from "./docs-text.ts";
import { page } from "./page-style.ts";
import { sandboxShown, viewOfSandboxMessage } from "./sandbox.ts";

/** What would have been sent, newest first, for a developer to look at. */
export async function sandboxPage({ db }: App): Promise<string> {
  const rows = await listSandboxMessages(db.orm, { projectId: null, limit: sandboxShown });
  return page({
    title: "Sandbox · Carillon",
    body: html`<main>
<h1>Sandbox</h1>
<p>Channels without a provider keep their messages here instead of sending them. Reload to see new ones; the
calls that make them are in the <a href="/docs">documentation</a>.</p>
${rows.length === 0 ? nothingYet : rows.map(viewOfSandboxMessage).map(messageCard)}
</main>`,
  });
}

const nothingYet: Fragment = html`<p class="empty">Nothing yet. Send a notification to a user with an email address, and it shows up here.</p>`;

function messageCard(message: ReturnType<typeof viewOfSandboxMessage>): Fragment {
  const { channel, title, body, address, user_id, created_at, notification_id } = message;
  return html`<article class="message">
<header><span class="tag">${channel}</span> <strong>${title}</strong></header>
<dl>
<dt>To</dt><dd>${address} (user <code>${user_id}</code>)</dd>
<dt>At</dt><dd><time>${created_at}</time></dd>
<dt>Notification</dt><dd><code>${notification_id}</code></dd>
</dl>
<pre>${body}</pre>
</article>`;
}
