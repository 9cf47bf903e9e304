/** A disk so small that it can be filled: a tmpfs, which only root may mount. */
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onceGone } from "../process.ts";
import { type TempFolder, tempFolder } from "../temp-folder.ts";

export interface SmallDisk extends TempFolder {
  /** Takes all but so many bytes, by a file that stands for everything else on a disk. */
  leave(bytes: number): void;
  /** Gives back what `leave` took. */
  makeRoom(): void;
}

/** Why no disk can be mounted here, or null. */
export function mountFault(): string | null {
  if (process.platform !== "linux") return "only Linux has tmpfs";
  return process.getuid?.() === 0 ? null : "only root may mount a disk";
}

/** @throws Error with mount's words where it is refused all the same */
export function smallDisk(sizeMb: number): SmallDisk {
  const folder = tempFolder();
  const path = join(folder.path, "disk");
  const ballast = join(path, "everything-else");
  mkdirSync(path);
  run("mount", "-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", path);
  const removal = onceGone("umount", "-l", path);
  return {
    path,
    leave(bytes) {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes)));
    },
    makeRoom: () => rmSync(ballast),
    async [Symbol.asyncDispose]() {
      run("umount", "-l", path);
      removal.cancel();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}
