/** What breaks on PostgreSQL alone, two processes side by side. */
import { testFaultsOn } from "./expect-kept.ts";

testFaultsOn("postgres");
