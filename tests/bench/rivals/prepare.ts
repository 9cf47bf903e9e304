/** Makes what a rival needs before its first job; a process of its own. */
import { rivals } from "./all.ts";
import type { WorkOptions } from "./work.ts";

const { rival, place }: WorkOptions = JSON.parse(process.argv[2] ?? "{}");
await rivals[rival].prepare(place);
console.log("{}");
process.exit(0);
