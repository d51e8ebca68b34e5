import { createTestDatabase } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { amount } from "../depth.ts";
import { runFeed } from "./feed-run.ts";

const LEAST = 100;
const seed = Math.floor(Math.random() * 2 ** 31);

// A slice of the long run, `pnpm test:changes`, without kills of the server, which other tests use.
test.each([undefined, "repeatable read", "serializable"])(
  `writers with open transactions and rollbacks, killed readers: no change is lost, told twice or out of order (seed ${seed}; %s)`,
  async (isolation) => {
    await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
    const options = {
      url: testDatabase.url,
      seconds: amount(4, 60),
      least: LEAST,
      writers: 8,
      crashServer: false,
      ...(isolation && { isolation }),
    };
    const result = await runFeed({ ...options, random: new Random(seed) });
    expect(result, JSON.stringify(result)).toMatchObject({ lost: 0, gaps: 0, twice: 0, outOfOrder: 0, problems: [] });
    expect(result.changes).toBeGreaterThanOrEqual(LEAST);
    expect(result.killed).toBeGreaterThan(0);
  },
  180_000,
);
