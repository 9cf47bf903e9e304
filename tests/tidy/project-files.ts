import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import type { SourceFile } from "./rule.ts";

/** Every text file that git would track. Git itself is not asked: a bare machine may have none. */
export async function filesOf(root: string): Promise<SourceFile[]> {
  const lines = (await Bun.file(join(root, ".gitignore")).text()).split("\n");
  const patterns = lines.filter((line) => line && !/^[#!]/.test(line)).map((line) => line.replace(/\/$/, ""));
  const ignored = [".git", ...patterns].map((pattern) => new Bun.Glob(pattern));

  const walk = async (folder: string): Promise<SourceFile[]> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const kept = entries.filter(({ name }) => !ignored.some((pattern) => pattern.match(name)));
    const found = await Promise.all(
      kept.map(async (entry) => {
        const path = posix.join(folder, entry.name);
        if (entry.isDirectory()) return walk(path);
        const text = entry.isFile() ? await Bun.file(join(root, path)).text() : "\0";
        return text.includes("\0") ? [] : [{ path, text }];
      }),
    );
    return found.flat();
  };
  return walk(".");
}
