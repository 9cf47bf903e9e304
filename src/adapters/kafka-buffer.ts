import type { NotificationEvent } from "../ports.ts";
import { encodeEvent, keyOf } from "./kafka-events.ts";

/** An event as it is sent. */
export interface BufferedMessage {
  key: string;
  value: string;
}

/** What Kafka adds to a record, at most. */
const recordOverheadBytes = 32;

/** A lane's events on their way out, in order, bounded by number and bytes; what is being sent counts as well. */
export class LaneBuffer {
  readonly #waiting: (BufferedMessage & { bytes: number; since: number })[] = [];
  #head = 0;
  #waitingBytes = 0;
  #sendingEvents = 0;
  #sendingBytes = 0;

  constructor(
    readonly maxEvents: number,
    readonly maxBytes: number,
  ) {}

  /** False where there is no room. */
  add(event: NotificationEvent, now: number): boolean {
    if (this.events >= this.maxEvents || this.bytes >= this.maxBytes) return false;
    const key = keyOf(event);
    const value = encodeEvent(event);
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value) + recordOverheadBytes;
    this.#waiting.push({ key, value, bytes, since: now });
    this.#waitingBytes += bytes;
    return true;
  }

  get waitingEvents(): number {
    return this.#waiting.length - this.#head;
  }
  get waitingBytes(): number {
    return this.#waitingBytes;
  }
  /** When the oldest that waits was added. */
  get waitingSince(): number {
    return this.#waiting[this.#head]?.since ?? Number.POSITIVE_INFINITY;
  }
  get events(): number {
    return this.waitingEvents + this.#sendingEvents;
  }
  get bytes(): number {
    return this.#waitingBytes + this.#sendingBytes;
  }

  /** The oldest, as many as one send carries: at least one. */
  take(maxEvents: number, maxBytes: number): BufferedMessage[] {
    const messages: BufferedMessage[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#waiting[this.#head];
      if (next === undefined || messages.length >= maxEvents) break;
      if (messages.length > 0 && bytes + next.bytes > maxBytes) break;
      messages.push(next);
      bytes += next.bytes;
      this.#head += 1;
    }
    // Forgets what was taken in large steps: one shift an event would move the whole array each time.
    if (this.#head === this.#waiting.length || this.#head > this.maxEvents) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    this.#waitingBytes -= bytes;
    this.#sendingEvents += messages.length;
    this.#sendingBytes += bytes;
    return messages;
  }

  /** What was taken is sent, or given up. */
  done(): void {
    this.#sendingEvents = 0;
    this.#sendingBytes = 0;
  }
}
