/** The image's own steps, taken without an engine: what they build runs where there is a C library and nothing else. */
import { expect, test } from "bun:test";
import { cp, mkdir, readdir, stat, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { eventually } from "../eventually.ts";
import { createClient } from "../process/client.ts";
import { mountFault } from "../process/small-disk.ts";
import { newAdminKey, onceGone } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Dockerfile, readDockerfile, root } from "./dockerfile.ts";

/** Runs a command in a folder as its root, which cannot be written but for /data, as this user. */
const inImage = `
  root=$1 user=$2; shift 2
  mount --bind "$root" "$root" && mount --bind "$root/data" "$root/data" && mount -o remount,bind,ro "$root" &&
  mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" && exec chroot --userspec="$user" "$root" "$@"`;

test.skipIf(mountFault() !== null)(
  "the image is built from what is sent to the engine, and serves as nobody on a root that cannot be written",
  async () => {
    await using folder = tempFolder();
    const dockerfile = await readDockerfile();
    const built = join(folder.path, "built");
    await build(dockerfile, built);
    const image = join(folder.path, "image");
    await assemble(dockerfile, { built, image });

    const [port = 0] = freePorts(1);
    const adminKey = newAdminKey();
    const env = { ...dockerfile.env, PORT: String(port), ADMIN_KEY: adminKey };
    const run = (command: string[]) =>
      Bun.spawn(["unshare", "--mount", "sh", "-c", inImage, "sh", image, dockerfile.user, ...command], {
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
        stdio: ["ignore", "ignore", "inherit"],
      });
    const service = run(dockerfile.command);
    const killing = onceGone("kill", "-KILL", String(service.pid));
    try {
      await eventually(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, {
        timeoutMs: 20_000,
      });
      expect(await run(dockerfile.health).exited).toBe(0);
      const client = createClient({ url: `http://127.0.0.1:${port}`, key: adminKey });
      const id = await client.send({ to: "ana", title: "Hello", body: "From a container." });
      await eventually(async () => (await client.notification(id)).status === "sent");
      service.kill("SIGTERM");
      expect(await service.exited).toBe(0);
      expect(await run(dockerfile.health).exited).toBe(1);
    } finally {
      service.kill("SIGKILL");
      await service.exited;
      killing.cancel();
    }
    const data = await stat(join(image, "data"));
    expect({ user: `${data.uid}:${data.gid}`, mode: (data.mode & 0o777).toString(8) }).toEqual({
      user: dockerfile.user,
      mode: "700",
    });
    expect(await readdir(join(image, "data"))).toContain("postgres");
  },
  120_000,
);

/** The first stage: its WORKDIR is `folder`. */
async function build(dockerfile: Dockerfile, folder: string): Promise<void> {
  const programs = `${folder}-programs`;
  await mkdir(folder);
  await mkdir(programs);
  await symlink(process.execPath, join(programs, "bun"));
  const sent = (await Bun.file(join(root, "deploy/Dockerfile.dockerignore")).text())
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  for (const { keyword, rest } of dockerfile.build) {
    if (keyword === "COPY") {
      const sources = rest.split(" ").slice(0, -1);
      const to = rest.split(" ").at(-1) ?? "";
      for (const source of sources) {
        expect(sent).toContain(source);
        await cp(join(root, source), join(folder, to, to.endsWith("/") ? source : ""), { recursive: true });
      }
    } else if (keyword === "RUN") {
      const path = `${programs}:/usr/bin:/bin`;
      const child = Bun.spawn(["sh", "-c", rest], {
        cwd: folder,
        env: { ...process.env, PATH: path },
        stdio: ["ignore", "ignore", "pipe"],
      });
      const words = await child.stderr.text();
      expect({ rest, code: await child.exited, words }).toMatchObject({ code: 0 });
    }
  }
}

/** The second stage: a C library, as the base image has it, and what the Dockerfile adds. */
async function assemble(
  { copied }: Dockerfile,
  { built, image }: { built: string; image: string },
): Promise<void> {
  await mkdir(join(image, "proc"), { recursive: true });
  await mkdir(join(image, "dev"));
  for (const { from, to, owner } of copied) {
    await mkdir(dirname(join(image, to)), { recursive: true });
    const source = join(built, from.replace(/^\/carillon\//, ""));
    const words = Bun.spawnSync(["cp", "-a", source, join(image, to)]).stderr.toString();
    expect(words).toBe("");
    if (owner !== null) Bun.spawnSync(["chown", "-R", owner, join(image, to)]);
  }
  const binary = copied.find(({ to }) => basename(to) === "carillon")?.to ?? "";
  const needed = Bun.spawnSync(["ldd", join(image, binary)]).stdout.toString();
  for (const [library] of needed.matchAll(/\/\S+(?= \()/g)) {
    expect(basename(library)).toMatch(/^(ld-linux.*|lib(c|m|dl|pthread))\.so/);
    await cp(library, join(image, library), { recursive: true, dereference: true });
  }
}
