import { createDaoServices, type DaoServices } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import fc from "fast-check";
import postgres from "postgres";
import { type Operation, op } from "./operation.ts";
import type { Clock } from "./oracle/state.ts";
import { live } from "./reference.ts";
import { ToldChanges } from "./told-changes.ts";
import { UnitsOfWork } from "./units-of-work.ts";

/** A database on which sequences run, one after the other. */
export interface World extends AsyncDisposable {
  readonly engine: string;
  readonly services: DaoServices & { readonly unitsOfWork: UnitsOfWork };
  /** How precisely its clock orders two calls that do not overlap. */
  readonly clock: Clock;
  readonly told: ToldChanges;
}

/** @param serverUrl a PostgreSQL server; without it, PGlite in this process */
export async function openWorld(serverUrl: string | undefined, poolSize = 8): Promise<World> {
  const test = await createTestDatabase({ serverUrl: serverUrl ?? "", poolSize, changes: true });
  const others = serverUrl === undefined ? undefined : postgres(test.url, { max: 1, onnotice: () => undefined });
  const services = { ...createDaoServices(test.database), unitsOfWork: new UnitsOfWork(test.database, others) };
  return {
    engine: serverUrl === undefined ? "PGlite" : "postgres.js",
    services,
    // PGlite takes its time from JavaScript.
    clock: serverUrl === undefined ? "milliseconds" : "sequence",
    told: new ToldChanges(services),
    [Symbol.asyncDispose]: async () => {
      await others?.end();
      await test.drop();
    },
  };
}

/**
 * Deletes all rows. Every sequence begins with an empty database, since a list without a filter returns every row, and the
 * oracle cannot predict those of other sequences. Deleting through the services costs less than a truncation.
 */
export async function clear({ services: { users } }: World): Promise<void> {
  for (;;) {
    const { items } = await users.listUsers();
    if (items.length === 0) return;
    for (const { id } of items) await users.deleteUser(id);
  }
}

const noon = new Date("2026-02-15T12:00:00.000Z");

/** From nothing to two users with rows of every kind. */
const BEGINNINGS: readonly (readonly Operation[])[] = [
  [],
  [
    op("users.createUser", { name: "Ada", email: "ada@example.com" }),
    op("goals.createGoal", { userId: live("user", 0), title: "Run a half marathon" }),
  ],
  [
    op("users.createUser", { name: "Ada", email: "ada@example.com" }),
    op("users.createUser", { name: "Grace", email: "grace@example.com" }),
    op("goals.createGoalWithStructure", {
      goal: { userId: live("user", 0), title: "Learn Spanish" },
      milestones: [
        {
          weekNumber: 1,
          title: "First",
          tasks: [
            { title: "A", startTime: noon },
            { title: "B", startTime: noon },
          ],
        },
        { weekNumber: 1, title: "Second", tasks: [{ title: "C" }] },
      ],
    }),
    op("conversations.createConversation", { userId: live("user", 0), goalId: live("goal", 0), messages: ["Hello"] }),
    op("demoFlags.putDemoFlags", live("user", 0), {}),
  ],
];

/** The beginning of a sequence: usually with rows of all kinds, so that what follows finds something. */
export const beginning: fc.Arbitrary<readonly Operation[]> = fc
  .oneof(fc.constant(0), fc.constant(1), { weight: 6, arbitrary: fc.constant(2) })
  .map((index) => BEGINNINGS[index] ?? []);
