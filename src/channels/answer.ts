import { answerMaxChars } from "./channel.ts";

/**
 * What the other side said, fit to be kept and shown: one line of at most `answerMaxChars` characters.
 * Control characters go (PostgreSQL refuses NUL, a terminal obeys the others), and so does `secret`,
 * should the other side repeat it.
 */
export function answerLine(text: string, secret?: string): string {
  const told = secret ? text.replaceAll(secret, "[secret]") : text;
  const line = told.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  // The cut can part a surrogate pair, and half of one is not text.
  return line.slice(0, answerMaxChars).replace(/\p{Cs}$/u, "");
}

/** An error as an answer: its code too where the message does not have it ("connect ECONNREFUSED ..."). */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return answerLine(String(error));
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return answerLine(error.message.includes(code) ? error.message : `${code} ${error.message}`);
}
