import { StartError } from "./errors.ts";

interface Marked {
  startMark: string;
  endMark: string;
  table: string;
}

/**
 * Puts a table between two marks of a file, and leaves the rest of it as it is.
 *
 * @throws StartError where there is no such file, or none of the marks in it
 */
export async function writeBetween(path: string, { startMark, endMark, table }: Marked): Promise<void> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new StartError(`There is no file ${path}.`);
  const [before, rest] = splitOnce(await file.text(), startMark);
  const [, after] = splitOnce(rest ?? "", endMark);
  if (after === undefined) {
    throw new StartError(`${path} has no line ${startMark} with a line ${endMark} after it.`);
  }
  await Bun.write(file, `${before}${startMark}\n\n${table}\n\n${endMark}${after}`);
}

function splitOnce(text: string, mark: string): [before: string, after?: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}
