import { expect, test } from "vitest";
import { hoursOf } from "./calendar.tsx";

test("the calendar shows the hours of any number of tasks", () => {
  const tasks = Array.from({ length: 500_000 }, (_, n) => ({ top: 400 + (n % 60), bottom: 1_000 + (n % 120) }));
  expect(hoursOf(tasks)).toEqual({ from: 6, until: 19 });
  expect(hoursOf([])).toEqual({ from: 8, until: 18 });
});
