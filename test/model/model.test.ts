import { describe, expect, inject, test } from "vitest";
import { MODES, runLane } from "./lane.ts";
import { openWorld } from "./world.ts";

// A slice of the long run, `main.ts`, with another seed each time.
const seed = Math.floor(Math.random() * 2 ** 31);
const engines = [
  { engine: "postgres", serverUrl: () => inject("adminUrl"), sequences: 60 },
  { engine: "pglite", serverUrl: () => undefined, sequences: 15 },
] as const;

describe.each(engines)(
  "the services on $engine answer as the specification says",
  ({ engine, serverUrl, sequences }) => {
    test.each(MODES)("random operations, %s", async (mode) => {
      process.stdout.write(`Model test of ${engine}, ${mode}: seed ${seed}\n`);
      await using world = await openWorld(serverUrl());
      const { failure } = await runLane(world, mode, { seed, sequences });
      const again = `npx tsx test/model/main.ts --seed ${seed} --only ${engine}/${mode} --path ${failure?.path}`;
      expect(failure, `${failure?.report}\n\nAgain: ${again}`).toBeUndefined();
    });
  },
);
