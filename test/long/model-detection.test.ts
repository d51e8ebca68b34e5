import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkMode, type Mode } from "../model/check-mode.ts";
import { alone, atOnce, type Mistake } from "../model/mistakes.ts";
import { openWorld, type World } from "../model/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld(inject("adminUrl"));
});
afterAll(() => world[Symbol.asyncDispose]());

/** The outcome of a number of random sequences on services with a bug. */
async function look({ make }: Mistake, mode: Mode, sequences: number): Promise<string | undefined> {
  const services = { ...world.services, ...make(world.services) };
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { failure } = await checkMode({ ...world, services }, mode, { seed, sequences, isShrunk: false });
  return failure?.report;
}

// The search takes a second at most, unless the machine is busy.
describe("a mistake is detected", { timeout: 120_000 }, () => {
  test.each(alone)("by a single caller: $name", async (mistake) => {
    expect(await look(mistake, "sequential", 2_000)).toBeDefined();
  });
  test.each(atOnce)("by concurrent callers, and not by a single one: $name", async (mistake) => {
    expect(await look(mistake, "concurrent", 4_000)).toMatch("no order explains the history");
    expect(await look(mistake, "sequential", 10)).toBeUndefined();
  });
});
