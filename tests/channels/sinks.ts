import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import { within } from "../eventually.ts";
import type { Certificate } from "./certificates.ts";
import { type Mail, parseMail } from "./mail.ts";

/** Real servers on ephemeral loopback ports, for what Carillon sends. Each stops when disposed of. */

export interface Sink<T> extends AsyncDisposable {
  port: number;
  /** All that came, in order. */
  received: T[];
  /** Resolves with `received` once it holds `count`, however long ago. */
  waitFor(count: number): Promise<T[]>;
}

const waitTimeoutMs = 10_000;

function createInbox<T>() {
  const received: T[] = [];
  const waiting = new Set<() => void>();
  return {
    received,
    push(item: T) {
      received.push(item);
      for (const look of waiting) look();
    },
    waitFor(count: number): Promise<T[]> {
      const { promise, resolve } = Promise.withResolvers<T[]>();
      const look = () => {
        if (received.length < count) return;
        waiting.delete(look);
        resolve(received);
      };
      waiting.add(look);
      look();
      return within(waitTimeoutMs, promise, () => `${received.length} of ${count} came`);
    },
  };
}

export interface HttpCall {
  method: string;
  path: string;
  headers: Headers;
  body: string;
  /** The caller's port: the same for calls over one kept connection. */
  clientPort: number;
}

export interface HttpSink extends Sink<HttpCall> {
  /** What is answered from now on; 200 until set. */
  answer: (call: HttpCall) => Response | Promise<Response>;
  url: string;
}

export function startHttpSink({ tls }: { tls?: Certificate } = {}): HttpSink {
  const { push, ...inbox } = createInbox<HttpCall>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    ...(tls ? { tls } : {}),
    async fetch(request, server) {
      const { pathname, search } = new URL(request.url);
      const call: HttpCall = {
        method: request.method,
        path: pathname + search,
        headers: request.headers,
        body: await request.text(),
        clientPort: server.requestIP(request)?.port ?? 0,
      };
      push(call);
      return sink.answer(call);
    },
  });
  const port = server.port ?? 0;
  const sink: HttpSink = {
    ...inbox,
    port,
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    answer: () => new Response("ok"),
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
  return sink;
}

/** A TCP server: what is `received` are connections. It says nothing by itself. */
export async function startTcpSink({
  onConnect = () => {},
  onData = () => {},
}: {
  onConnect?: (socket: Socket) => void;
  onData?: (socket: Socket) => void;
} = {}): Promise<Sink<Socket>> {
  const { push, ...inbox } = createInbox<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => onData(socket));
    push(socket);
    onConnect(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ...inbox,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of inbox.received) socket.destroy();
      server.close();
    },
  };
}

/** A port that nobody listens at any more. */
export async function deadPort(): Promise<number> {
  await using sink = await startTcpSink();
  return sink.port;
}

export interface ReceivedMail extends Mail {
  from: string;
  to: string[];
  raw: string;
  /** The client's port: the same for mails over one kept connection. */
  clientPort: number;
}

/** A refusal in the server's words; the code goes before them. */
export class SmtpRefusal extends Error {
  constructor(
    readonly responseCode: number,
    text: string,
  ) {
    super(text);
  }
}

export interface SmtpSink extends Sink<ReceivedMail> {
  url: string;
  /** What becomes of a recipient from now on: null takes it. */
  onRecipient: (address: string) => SmtpRefusal | null;
  /** What becomes of a message that came whole: null takes it, "hang" never answers, "drop" hangs up. */
  onMail: (mail: ReceivedMail) => SmtpRefusal | "hang" | "drop" | null;
  /** Closes each connection, and goes on listening. */
  hangUp(): void;
}

export interface SmtpSinkOptions {
  /** The login that is required; none where it is not given. */
  login?: { user: string; pass: string };
  tls?: Certificate;
}

export async function startSmtpSink({ login, tls }: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const { push, ...inbox } = createInbox<ReceivedMail>();
  const sockets = new Map<number, Socket>();
  const server = new SMTPServer({
    ...tls,
    disabledCommands: [...(tls ? [] : ["STARTTLS"]), ...(login ? [] : ["AUTH"])],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      const right = username === login?.user && password === login?.pass;
      done(right ? null : new SmtpRefusal(535, "5.7.8 wrong user or password"), { user: username });
    },
    onRcptTo({ address }, _session, done) {
      done(sink.onRecipient(address));
    },
    async onData(stream, { envelope, remotePort }, done) {
      const raw = await text(stream).catch(() => null);
      if (raw === null) return; // The client was gone before its message was whole.
      const mail: ReceivedMail = {
        ...parseMail(raw),
        raw,
        from: envelope.mailFrom ? envelope.mailFrom.address : "",
        to: envelope.rcptTo.map(({ address }) => address),
        clientPort: remotePort,
      };
      push(mail);
      const fate = sink.onMail(mail);
      if (fate === "drop") sockets.get(remotePort)?.destroy();
      else if (fate !== "hang") done(fate);
    },
  });
  // A client that hangs up in the middle is what some tests are about.
  server.on("error", () => {});
  server.server.on("connection", (socket) => sockets.set(socket.remotePort ?? 0, socket));
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  const sink: SmtpSink = {
    ...inbox,
    port,
    url: `smtp://127.0.0.1:${port}`,
    onRecipient: () => null,
    onMail: () => null,
    hangUp() {
      for (const socket of sockets.values()) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      sink.hangUp();
      server.close();
    },
  };
  return sink;
}
