import { expect, test } from "vitest";
import { RestartPause } from "./restart-backoff.ts";

test("what ends at once again and again is replaced ever later, at most 30 s", () => {
  const pause = new RestartPause();
  const pauses = Array.from({ length: 9 }, () => pause.next(100));
  expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("one that ran for long is replaced at once, and what was before is forgotten", () => {
  const pause = new RestartPause();
  pause.next(100);
  pause.next(100);
  expect(pause.next(60_000)).toBe(0);
  expect(pause.next(100)).toBe(0);
  expect(pause.next(100)).toBe(1_000);
});
