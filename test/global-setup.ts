import type { TestProject } from "vitest/node";
import { startTestServer } from "../scripts/postgres/test-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's connection to the database `postgres` of the test server. */
    adminUrl: string;
  }
}

/** One PostgreSQL server for the whole run; each test file makes its own databases on it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer();
  process.stdout.write(`Tests run on ${server.describe}.\n`);
  project.provide("adminUrl", server.url);
  return () => server.stop();
}
