import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startTestServer, type TestServer } from "../scripts/postgres/test-server.ts";
import { pgliteSnapshot } from "./pglite-snapshot.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A superuser's connection to the database `postgres` of the test server. */
    adminUrl: string;
  }
}

declare global {
  var fluxTestRun:
    | { readonly starting: Promise<TestServer>; readonly programs: Promise<string>; users: number }
    | undefined;
}

const MEMORY = "/dev/shm";
/** Bytes: several times what the tests have ever written at once. */
const ROOM = 6 * 2 ** 30;

/** Keeps the run's temporary files in memory if there is room: cloning a database on a disk takes ten times the CPU time. */
async function useMemory(): Promise<void> {
  const { bavail, bsize } = await statfs(MEMORY).catch(() => ({ bavail: 0, bsize: 0 }));
  if (bavail * bsize > ROOM) process.env["TMPDIR"] ??= MEMORY;
}

/** One PostgreSQL server for all projects of a run, where each test file creates its own databases; and one folder of programs. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await useMemory();
  // Each project evaluates this module again.
  globalThis.fluxTestRun ??= {
    starting: startTestServer(),
    programs: mkdtemp(join(tmpdir(), "flux-test-run-")),
    users: 0,
  };
  const run = globalThis.fluxTestRun;
  run.users++;
  const [server, programs, snapshot] = await Promise.all([run.starting, run.programs, pgliteSnapshot()]);
  process.env["FLUX_TEST_PROGRAMS"] = programs;
  process.env["FLUX_TEST_PGLITE"] = snapshot;
  process.stdout.write(`${project.name} tests run on ${server.describe}.\n`);
  project.provide("adminUrl", server.url);
  return async () => {
    if (--run.users > 0) return;
    await Promise.all([server.stop(), rm(programs, { recursive: true })]);
  };
}
