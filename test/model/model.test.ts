import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { amount } from "../depth.ts";
import { checkMode, MODES } from "./check-mode.ts";
import { openWorld, type World } from "./world.ts";

// A slice of the long run, `pnpm test:model`, with other seeds each time.
const firstSeed = Math.floor(Math.random() * 2 ** 30);
const engines = [
  { engine: "postgres", serverUrl: () => inject("adminUrl") },
  { engine: "pglite", serverUrl: () => undefined },
] as const;

/** Milliseconds within which further batches are started: some hundred sequences on an idle machine. */
const TIME = amount(1_000, 10_000);
const BATCH = 10;

describe.each(engines)("the services on $engine conform to the specification", ({ engine, serverUrl }) => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld(serverUrl());
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each(MODES)("random operations, %s", async (mode) => {
    process.stdout.write(`Model test of ${engine}, ${mode}: seeds from ${firstSeed}\n`);
    const end = performance.now() + TIME;
    for (let seed = firstSeed; performance.now() < end; seed++) {
      const { failure } = await checkMode(world, mode, { seed, sequences: BATCH });
      const again = `pnpm test:model --seed ${seed} --only ${engine}/${mode} --path ${failure?.path}`;
      expect(failure, `${failure?.report}\n\nAgain: ${again}`).toBeUndefined();
    }
  });
});
