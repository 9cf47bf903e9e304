/** The Terraform of deploy/cdn, read as Terraform reads it: by its own parser, in WebAssembly. */
import { join } from "node:path";

// By require, untyped: the packages' types would put the DOM's in the place of Bun's in the whole project.
const { parse } = require("@cdktn/hcl2json") as { parse(name: string, text: string): Promise<Block> };
/** A file's text as `terraform fmt` would write it. */
export const { format } = require("@cdktn/hcl-tools") as { format(text: string): Promise<string> };

/** Blocks by type, type and name; a block that may be repeated is a list. What is computed stays text: `${…}`. */
// biome-ignore lint/suspicious/noExplicitAny: each resource has another shape, which its test knows
export type Block = Record<string, any>;

export interface Module {
  /** Its files' texts by name. */
  files: Record<string, string>;
  /** All files as one. */
  resources: Record<string, Record<string, Block>>;
  /** What it looks up. */
  data: Record<string, Record<string, Block>>;
  locals: Block;
  variables: Record<string, Block>;
}

const folder = join(import.meta.dir, "../../deploy/cdn");

export async function readModule(name: "cloudflare" | "cloudfront"): Promise<Module> {
  const module: Module = { files: {}, resources: {}, data: {}, locals: {}, variables: {} };
  for await (const file of new Bun.Glob("*.tf").scan(join(folder, name))) {
    const text = await Bun.file(join(folder, name, file)).text();
    const { resource = {}, data = {}, locals = [], variable = {} } = await parse(file, text);
    module.files[file] = text;
    add(resource, module.resources);
    add(data, module.data);
    Object.assign(module.locals, ...(locals as Block[]));
    Object.assign(module.variables, onlyOnes(variable));
  }
  return module;
}

type Repeated = Record<string, Block[]>;

function add(found: Record<string, Repeated>, all: Module["resources"]): void {
  for (const [type, named] of Object.entries(found)) all[type] = { ...all[type], ...onlyOnes(named) };
}

/** Of what has a name, there is one. */
const onlyOnes = (named: Repeated): Record<string, Block> =>
  Object.fromEntries(Object.entries(named).map(([name, [block = {}]]) => [name, block]));

/** @throws Error where the module has no such resource */
export function resourceOf({ resources }: Module, type: string, name: string): Block {
  const block = resources[type]?.[name];
  if (!block) throw new Error(`there is no ${type}.${name}`);
  return block;
}
