import { writeSync, write as writeTo } from "node:fs";
import { Counter, type Registry } from "prom-client";

/** Lines on their way out of this thread. */
export interface Lines {
  /** Never waits; while nobody reads, what is beyond the bound is dropped. */
  write(line: string): void;
  dropped(): number;
  /** Resolves once all of it is written, or after so many milliseconds. */
  flush(timeMs: number): Promise<void>;
  /** Writes the rest at once, where the process ends with this turn. */
  end(): void;
}

/** Takes text, whole lines of it, and calls back once it can take more. Its last call of all, `isLast`, does not wait. */
type Send = (text: string, done: () => void, isLast: boolean) => void;

/**
 * Lines are gathered so long, in milliseconds, or until there are so many characters: a write of its own for each line would
 * cost 15 µs (Bun 1.4.4, on a thread of its own), gathered they cost 0.2.
 */
const gatherMs = 10;
const gatherChars = 65_536;
/** What waits at most while nobody reads, in characters. */
const waitingCharsMax = 4_194_304;

export function createLines(send: Send): Lines {
  let waiting: string[] = [];
  let waitingChars = 0;
  let dropped = 0;
  let isSending = false;
  let timer: Timer | undefined;
  let onIdle: (() => void)[] = [];

  function take(): string {
    const text = `${waiting.join("\n")}\n`;
    waiting = [];
    waitingChars = 0;
    clearTimeout(timer);
    timer = undefined;
    return text;
  }

  function start(): void {
    timer = undefined;
    if (isSending) return;
    if (waiting.length === 0) {
      for (const idle of onIdle) idle();
      onIdle = [];
      return;
    }
    isSending = true;
    send(
      take(),
      () => {
        isSending = false;
        if (waitingChars >= gatherChars || onIdle.length > 0) start();
        else if (waiting.length > 0) timer ??= setTimeout(start, gatherMs);
      },
      false,
    );
  }

  return {
    write(line) {
      if (waitingChars + line.length > waitingCharsMax) {
        dropped += 1;
        return;
      }
      waiting.push(line);
      waitingChars += line.length + 1;
      if (waitingChars >= gatherChars) start();
      else timer ??= setTimeout(start, gatherMs);
    },
    dropped: () => dropped,
    async flush(timeMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      onIdle.push(resolve);
      const late = setTimeout(resolve, timeMs);
      start();
      await promise;
      clearTimeout(late);
    },
    end() {
      if (waiting.length > 0) send(take(), () => {}, true);
    },
  };
}

const stderr = 2;
/** A pipe that another program has made non-blocking is full. It is tried again after so many milliseconds. */
const fullRetryMs = 20;
/** A write that takes longer than this many milliseconds has no reader: the process does not wait for it at its end. */
const stalledMs = 100;

/**
 * Lines to stderr, written on a thread of their own, so that a reader who stands still holds nobody up. What is not written when
 * the process ends, in whatever way it can notice, is written then.
 */
export function linesToStderr(): Lines {
  let sinceMs: number | null = null;

  function sendRest(bytes: Buffer, from: number, done: () => void): void {
    writeTo(stderr, bytes, from, bytes.length - from, null, (error, count) => {
      if (error?.code === "EAGAIN") setTimeout(sendRest, fullRetryMs, bytes, from, done);
      else if (error === null && from + count < bytes.length) sendRest(bytes, from + count, done);
      else {
        // Where nobody reads any more (EPIPE), there is nobody to tell.
        sinceMs = null;
        done();
      }
    });
  }

  const lines = createLines((text, done, isLast) => {
    if (isLast) return sendLast(text, sinceMs);
    sinceMs = performance.now();
    sendRest(Buffer.from(text), 0, done);
  });
  process.on("exit", lines.end);
  return lines;
}

/** After what is under way, which its own thread ends, if anybody reads it. */
function sendLast(text: string, underWaySinceMs: number | null): void {
  if (underWaySinceMs !== null) {
    const leftMs = stalledMs - (performance.now() - underWaySinceMs);
    if (leftMs <= 0) return;
    Bun.sleepSync(Math.min(leftMs, fullRetryMs));
  }
  try {
    writeSync(stderr, text);
  } catch {
    // Full or gone: nobody would read it.
  }
}

/** From now on the metrics show what was dropped. */
export function watchLines(registry: Registry, { dropped }: Pick<Lines, "dropped">): void {
  new Counter({
    name: "carillon_log_lines_dropped_total",
    help: "Log lines that were dropped since nobody read stderr",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(dropped());
    },
  });
}
