/** What breaks on PostgreSQL, Redis and Kafka. */
import { testFaultsOn } from "./expect-kept.ts";

testFaultsOn("all");
