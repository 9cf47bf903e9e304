/** What a check found: with `fail` nothing starts or nothing arrives, `warn` may surprise later. */
export interface Finding {
  check: string;
  level: "ok" | "warn" | "fail";
  found: string;
  /** What to do about it. */
  todo: string | null;
}

export type Result = Omit<Finding, "check">;

export const ok = (found: string): Result => ({ level: "ok", found, todo: null });
export const warn = (found: string, todo: string): Result => ({ level: "warn", found, todo });
export const fail = (found: string, todo: string): Result => ({ level: "fail", found, todo });

export const sentence = (text: string) => `${text.replace(/\.$/, "")}.`;
