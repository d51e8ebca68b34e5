import { expect, test } from "vitest";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { failOver } from "./failovers.ts";
import { ReplicaSet } from "./replica-set.ts";

const TURNS = 2;

/** A slice of `pnpm test:failover`: there and back. */
test("a primary is killed, and its standby takes over: nothing lost, nothing partial, nothing twice", async () => {
  const random = new Random(Math.floor(Math.random() * 2 ** 31));
  await using cluster = await ReplicaSet.start(() => random.below(500));
  const [experience] = await failOver(cluster, TURNS);
  expect(experience?.tally.details).toEqual([]);
  expect(experience?.tally.faults).toBe(TURNS);
  expect(experience?.tally.acknowledged).toBeGreaterThan(100);
});
