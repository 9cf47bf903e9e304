import { z } from "zod";

/**
 * A setting: its name, its default as one would write it, its unit, a sentence, and the schema that reads
 * it. `--help`, the README's table and `doctor` are made from the lists of them.
 */
export interface Setting<T = unknown> {
  name: string;
  /** As written in the environment; null where the setting is off unless given. */
  default: string | null;
  unit: string;
  sentence: string;
  schema: z.ZodType<T, string>;
  /** Never printed. */
  secret?: true;
}

export const setting = <T>(entry: Setting<T>): Setting<T> => entry;

export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "is not a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `is below ${min}`).max(max, `is above ${max}`));

/** A part of all: 0 for none, 1 for all. */
export const share = z
  .string()
  .regex(/^(0|1|0?\.\d{1,9}|1\.0+)$/, "is no number from 0 to 1")
  .transform(Number);

export const flag = z
  .enum(["0", "1", "false", "true"], "is neither 1 nor 0")
  .transform((text) => text === "1" || text === "true");

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const durations = z.string().transform((text, context) =>
  text.split(",").map((part) => {
    const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(part.trim()) ?? [];
    if (amount === undefined || unit === undefined) {
      context.addIssue({ code: "custom", message: `"${part.trim()}" is no duration such as 30s, 5m or 2h` });
      return z.NEVER;
    }
    return Number(amount) * (unitMs[unit] ?? 0);
  }),
);

export const urlOf = (...schemes: string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), {
    message: `is not a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`,
  });

/** One of a few words. */
export const oneOf = <const Word extends string>(...words: [Word, ...Word[]]) =>
  z.enum(words, `is none of ${words.join(", ")}`);

/** Non-empty text. */
export const text = z.string().min(1, "is empty");
