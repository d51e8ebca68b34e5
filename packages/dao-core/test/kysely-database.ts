import type { DatabaseSession } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { inject } from "vitest";
import { kyselySession } from "../../../examples/kysely-session/kysely-session.ts";
import { openKysely } from "../../../examples/kysely-session/open-kysely.ts";

/** A session to test, on a database of its own. */
export interface TestSession {
  readonly database: DatabaseSession;
  drop(): Promise<void>;
}

/** Kysely behind the port, as the example puts it there. */
export async function openKyselySession(poolSize: number): Promise<TestSession> {
  const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  const kysely = openKysely(url, poolSize);
  return { database: kyselySession(kysely), drop: () => kysely.destroy().then(drop) };
}
