import { html } from "hono/html";
import { listSandboxMessages } from "../../db/queries/sandbox.ts";
import type { App } from "../app.ts";
import { pageStyle } from "./page-style.ts";
import { sandboxShown, viewOfSandboxMessage } from "./sandbox.ts";

/** What would have been sent, newest first, for a developer to look at. */
export async function sandboxPage({ db }: App): Promise<string> {
  const messages = (await listSandboxMessages(db.orm, { projectId: null, limit: sandboxShown })).map(
    viewOfSandboxMessage,
  );
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox · Carillon</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>Sandbox</h1>
<p>Channels without a provider keep their messages here instead of sending them. Reload to see new ones.</p>
${
  messages.length === 0
    ? html`<p class="empty">Nothing yet. Send a notification to a user with an email address, and it shows up here.</p>`
    : messages.map(
        (message) => html`<article class="message">
<header><span class="tag">${message.channel}</span> <strong>${message.title}</strong></header>
<dl>
<dt>To</dt><dd>${message.address} (user ${message.user_id})</dd>
<dt>At</dt><dd><time>${message.created_at}</time></dd>
<dt>Notification</dt><dd><code>${message.notification_id}</code></dd>
</dl>
<pre>${message.body}</pre>
</article>`,
      )
}
</main>
</body>
</html>
`;
  return String(page);
}
