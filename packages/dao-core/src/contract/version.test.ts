import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasVersion, versionOf } from "./version.ts";

const task = {
  id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  title: "Run 5 km",
  startTime: new Date("2026-02-15T10:00:00.123Z"),
  isRecurring: false,
  calendarEventId: null,
  preferences: { runs: 1, shoes: ["a", "b"] },
};

describe("the version of a row", () => {
  test("is the same for every copy of it, and of a form that an ETag can have", () => {
    expect(versionOf(structuredClone(task))).toBe(versionOf(task));
    expect(versionOf(task)).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each([
    { title: "Run 6 km" },
    { title: "" },
    { startTime: new Date("2026-02-15T10:00:00.124Z") },
    { startTime: null },
    { isRecurring: true },
    { isRecurring: "false" },
    { calendarEventId: "null" },
    { calendarEventId: "" },
    { preferences: { runs: 2, shoes: ["a", "b"] } },
    { preferences: { runs: 1, shoes: ["b", "a"] } },
    { preferences: null },
  ])("is another one with %j", (change) => {
    expect(versionOf({ ...task, ...change })).not.toBe(versionOf(task));
  });

  test("takes a text for no other value, and the end of one field for no beginning of the next", () => {
    const rows = [
      ["ab", "c"],
      ["a", "bc"],
      ["", "abc"],
      ["abc", ""],
      [1],
      ["1"],
      [new Date(1)],
      [true],
      ["true"],
      [null],
      ["null"],
    ];
    const versions = rows.map((values) => versionOf({ ...values }));
    expect(new Set(versions).size).toBe(rows.length);
  });

  test("differs wherever rows do", () => {
    const row = fc.record({
      title: fc.string(),
      count: fc.integer(),
      at: fc.date({ noInvalidDate: true }),
      json: fc.json(),
    });
    fc.assert(
      fc.property(row, row, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        return (versionOf(one) === versionOf(other)) === isSame;
      }),
      { numRuns: 2_000 },
    );
  });

  test("is shared by no two of 200,000 rows that are nearly the same", () => {
    const versions = new Set<string>();
    for (let count = 0; count < 200_000; count++) versions.add(versionOf({ ...task, preferences: { count } }));
    expect(versions.size).toBe(200_000);
  });

  test("spreads over all of its bits", () => {
    const ones = new Array<number>(64).fill(0);
    for (let count = 0; count < 10_000; count++) {
      const bits = BigInt(`0x${versionOf({ count })}`)
        .toString(2)
        .padStart(64, "0");
      for (let index = 0; index < 64; index++) ones[index] = (ones[index] ?? 0) + Number(bits[index]);
    }
    // Of 10,000 fair coins some 5,000 fall on either side; 7 standard deviations are 350.
    expect(Math.min(...ones)).toBeGreaterThan(4_650);
    expect(Math.max(...ones)).toBeLessThan(5_350);
  });
});

test("a caller may ask for one version, for one of several, or for any", () => {
  const version = versionOf(task);
  expect(hasVersion(task, version)).toBe(true);
  expect(hasVersion(task, ["x", version])).toBe(true);
  expect(hasVersion(task, "*")).toBe(true);
  expect(hasVersion(task, [])).toBe(false);
  expect(hasVersion(task, "x")).toBe(false);
});
