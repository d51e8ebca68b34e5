import { expect, test } from "vitest";
import { restartBackoff } from "./cluster.ts";

test("a process that repeatedly ends at once is restarted with a growing delay, at most 30 s", () => {
  const backoff = restartBackoff();
  const delays = Array.from({ length: 9 }, () => backoff(100));
  expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("one that ran for long is restarted at once, and the delay is reset", () => {
  const backoff = restartBackoff();
  backoff(100);
  backoff(100);
  expect(backoff(60_000)).toBe(0);
  expect(backoff(100)).toBe(0);
  expect(backoff(100)).toBe(1_000);
});
