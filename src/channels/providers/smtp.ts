import type { Readable } from "node:stream";
import { createTransport, type NodemailerError } from "nodemailer";
import { StartError } from "../../errors.ts";
import { answerLine, errorLine } from "../answer.ts";
import type { Outcome, Provider } from "../channel.ts";
import { startDeadline } from "../deadline.ts";
import { buildEmail, emailAddressFault, parseMailbox } from "../email.ts";

/** An unused connection is kept this long; RFC 5321 asks servers to wait at least 5 minutes. */
const idleTimeoutMs = 4 * 60 * 1000;
/** How long a server may take to close its side after we closed ours. */
const socketCloseTimeoutMs = 1000;

export interface SmtpProviderOptions {
  /** `smtp://` or `smtps://`, with credentials and nodemailer's options in its query. */
  url: string;
  /** `name@example.com` or `Name <name@example.com>`. */
  from: string;
  /** How many connections are open at most. */
  connections: number;
  /** For one attempt as a whole: a free connection, the message, and the server's reply. */
  timeoutMs: number;
}

/** Sends by SMTP over kept connections. Throws StartError if `url` or `from` cannot be used. */
export function createSmtpProvider({ url, from, connections, timeoutMs }: SmtpProviderOptions): Provider {
  const sender = parseMailbox(from);
  if (!sender) throw new StartError(`"${from}" is not an e-mail address to send from`);
  if (!/^smtps?:\/\/./i.test(url)) throw new StartError("the SMTP URL must start with smtp:// or smtps://");

  // nodemailer's own limits are between 30 s and 10 min.
  const limits = {
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketCloseTimeout: socketCloseTimeoutMs,
  };
  const transporter = createTransport({
    ...limits,
    url,
    pool: true,
    maxConnections: connections,
    // Once, for a kept connection that the server has closed meanwhile. More is the retry stage's business.
    maxRequeues: 1,
    idleTimeout: idleTimeoutMs,
    // It also ends unused connections, so it outlasts idleTimeout; what bounds an attempt is its deadline.
    socketTimeout: idleTimeoutMs + timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const contents = watchContents(transporter);

  return {
    name: "smtp",
    async send(message, signal) {
      const to = message.user.email;
      if (to === null)
        return { kind: "failed", reason: "no_address", answer: "the user has no e-mail address" };
      const fault = emailAddressFault(to);
      if (fault) return { kind: "failed", reason: "bad_address", answer: fault };
      const email = buildEmail(message, { from: sender, to });
      using deadline = startDeadline(signal, timeoutMs);
      const stop = new AbortController();
      deadline.onEnd(() => stop.abort());
      try {
        const { response = "" } = await transporter.sendMail({ ...email, signal: stop.signal });
        return { kind: "sent", answer: answerLine(response) };
      } catch (error) {
        const complete = contents.get(stop.signal)?.readableEnded ?? false;
        return outcomeOfError(error as NodemailerError, { complete, reason: deadline.reason });
      }
    },
    async check() {
      // Its own connection: there a silent server can be given up after `timeoutMs`.
      const probe = createTransport({ ...limits, url, socketTimeout: timeoutMs });
      try {
        await probe.verify();
      } catch (error) {
        throw new Error(`the SMTP server cannot be used: ${errorLine(error)}`, { cause: error });
      } finally {
        probe.close();
      }
    },
    async close() {
      transporter.close();
    },
  };
}

type Transporter = ReturnType<typeof createTransport>;

/**
 * The bytes of each message under way, by the attempt's signal. nodemailer reads them once the server has
 * answered DATA, and the dot that ends a message follows them: before they have ended, no server has it all.
 */
function watchContents(transporter: Pick<Transporter, "use">): WeakMap<AbortSignal, Readable> {
  const contents = new WeakMap<AbortSignal, Readable>();
  transporter.use("stream", ({ data, message }, done) => {
    message?.processFunc((content) => {
      if (data.signal) contents.set(data.signal, content);
      return content;
    });
    done();
  });
  return contents;
}

/** `complete`: the server had the whole message. `reason`: why we gave up, empty if we did not. */
function outcomeOfError(
  error: NodemailerError,
  { complete, reason }: { complete: boolean; reason: string },
): Outcome {
  const { code, command, response, responseCode = 0 } = error;
  const answer = reason || answerLine(response ?? errorLine(error));
  if (isAboutUs(error)) return { kind: "retry", answer: answerLine(`the SMTP login failed: ${answer}`) };
  const isAboutMessage = code === "EENVELOPE" || code === "EMESSAGE";
  if (isAboutMessage && (error.permanent ?? true)) {
    return {
      kind: "failed",
      reason: command === "RCPT TO" && !isPolicy(answer) ? "bad_address" : "rejected",
      answer,
    };
  }
  if (responseCode >= 400) return { kind: "retry", answer };
  return complete ? { kind: "ambiguous", answer } : { kind: "retry", answer };
}

/** Refused for our credentials (RFC 4954 §6): the operator can mend that, and the message is as good as ever. */
function isAboutUs({ code = "", responseCode = 0 }: NodemailerError): boolean {
  return ["EAUTH", "ENOAUTH", "EOAUTH2"].includes(code) || [530, 534, 535, 538].includes(responseCode);
}

/** An enhanced status code of security or policy (RFC 3463 §3.8), such as "relay access denied". */
function isPolicy(reply: string): boolean {
  return /^\d{3}[ -]\d\.7\./.test(reply);
}
