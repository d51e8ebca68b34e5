import { afterEach, expect, test, vi } from "vitest";
import { newId } from "./table-dao.ts";

afterEach(() => vi.useRealTimers());

const newIds = (count: number) => Array.from({ length: count }, newId);

test("ids are UUIDs of version 7, with the time of their creation", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  const id = newId();
  expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
  expect(Number.parseInt(id.slice(0, 13).replace("-", ""), 16)).toBe(Date.now());
});

test("each id is above all before it: those of one millisecond, and if the clock is set back", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
  const ids = newIds(10_000);
  vi.setSystemTime(Date.now() - 60_000);
  ids.push(...newIds(10_000));
  expect(ids).toEqual([...new Set(ids)].sort());
});
