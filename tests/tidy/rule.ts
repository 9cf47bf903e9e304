/** What a rule of the house style is, and the kinds of files that rules tell apart. */

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string;
  text: string;
}

export interface Rule {
  name: string;
  /** Pure. An offender is one line: where, then what is wrong there. */
  offenders: (files: SourceFile[]) => string[];
  /** Each of these files offends once; by path. */
  bad: Record<string, string>;
  /** Comes close, and is allowed. */
  good: Record<string, string>;
}

export function isProduct({ path }: { path: string }): boolean {
  return /^(src|db)\//.test(path);
}

export function isTypeScript({ path }: SourceFile): boolean {
  return /\.tsx?$/.test(path);
}

export function isCode({ path }: SourceFile): boolean {
  return /\.(tsx?|jsx?|css|html|jsonc)$/.test(path);
}

export function linesOf({ path, text }: SourceFile): { where: string; line: string }[] {
  return text.split("\n").map((line, index) => ({ where: `${path}:${index + 1}`, line }));
}
