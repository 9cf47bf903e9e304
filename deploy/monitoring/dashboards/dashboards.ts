import { application } from "./application.ts";
import { database } from "./database.ts";
import { infrastructure } from "./infrastructure.ts";
import { kafka } from "./kafka.ts";
import { overview } from "./overview.ts";

export const dashboards = [overview, application, database, kafka, infrastructure];

/** What Grafana reads of one. */
export const jsonOf = ({ model }: (typeof dashboards)[number]) => `${JSON.stringify(model, null, 2)}\n`;
