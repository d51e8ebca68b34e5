import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_INSTANT, MIN_INSTANT } from "../../contract/fields/scalars.ts";
import { readInstant } from "./statement.ts";

describe("a timestamptz as PostgreSQL writes it", () => {
  test.each([
    ["2026-02-15 10:00:00+00", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15 10:00:00.1+00", "2026-02-15T10:00:00.100Z"],
    ["2026-02-15 10:00:00.123999+00", "2026-02-15T10:00:00.123Z"],
    ["2026-02-15T10:00:00.123456+00:00", "2026-02-15T10:00:00.123Z"],
    ["2026-02-15 12:00:00.123456+02", "2026-02-15T10:00:00.123Z"],
    ["2026-02-15 15:45:00+05:45", "2026-02-15T10:00:00.000Z"],
    ["1883-11-18 12:00:00-04:56:02", "1883-11-18T16:56:02.000Z"],
    ["0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999Z"],
    // In binary form, as RETURNING has it
    ["0000000000000000", "2000-01-01T00:00:00.000Z"],
    ["ffffffffffffffff", "1999-12-31T23:59:59.999Z"],
    ["00000000000003e7", "2000-01-01T00:00:00.000Z"],
    ["00000000000003e8", "2000-01-01T00:00:00.001Z"],
    ["7fffffffffffffff", "9999-12-31T23:59:59.999Z"],
    ["8000000000000000", "0001-01-01T00:00:00.000Z"],
  ])("%s is %s", (text, iso) => {
    expect(readInstant(text).toISOString()).toBe(iso);
  });

  test("is read to the millisecond, for any instant and number of digits", () => {
    const instants = fc.date({ min: MIN_INSTANT, max: MAX_INSTANT, noInvalidDate: true });
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 999 }), (instant, microseconds) => {
        const [day, clock = ""] = instant.toISOString().slice(0, -1).split("T");
        const [seconds, milliseconds = ""] = clock.split(".");
        // PostgreSQL omits trailing zeros of a fraction, and a fraction of zeros.
        const fraction = `${milliseconds}${String(microseconds).padStart(3, "0")}`.replace(/0+$/, "");
        const written = `${day} ${seconds}${fraction === "" ? "" : `.${fraction}`}+00`;
        expect(readInstant(written)).toEqual(instant);
        expect(readInstant(`${written.replace(" ", "T")}:00`)).toEqual(instant);
        const sinceYear2000 = BigInt(instant.getTime() - Date.UTC(2000)) * 1_000n + BigInt(microseconds);
        expect(readInstant(BigInt.asUintN(64, sinceYear2000).toString(16).padStart(16, "0"))).toEqual(instant);
      }),
      { numRuns: 2_000 },
    );
  });

  // contract, "The database that the Python service leaves behind": it may hold infinite times.
  test.each([
    ["infinity", "9999-12-31T23:59:59.999Z"],
    ["-infinity", "0001-01-01T00:00:00.000Z"],
    ["10000-01-01 00:00:00+00", "9999-12-31T23:59:59.999Z"],
    ["0044-03-15 00:00:00+00 BC", "0001-01-01T00:00:00.000Z"],
  ])("%s, which RFC 3339 cannot write, becomes the nearest instant that it can", (text, iso) => {
    expect(readInstant(text).toISOString()).toBe(iso);
  });

  // The session's time zone determines the year of the local time at an edge.
  test.each([
    ["10000-01-01 00:00:00+05:30", "9999-12-31T18:30:00.000Z"],
    ["10000-01-01 05:29:59.999999+05:30", "9999-12-31T23:59:59.999Z"],
    ["9999-12-31 23:59:59.999-08", "9999-12-31T23:59:59.999Z"],
    ["0001-12-31 19:03:58-04:56:02 BC", "0001-01-01T00:00:00.000Z"],
    ["0001-12-31T22:03:58.25-04:56:02 BC", "0001-01-01T03:00:00.250Z"],
    ["0001-01-01 00:30:00+01:00", "0001-01-01T00:00:00.000Z"],
    ["294276-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999Z"],
    ["294277-01-01 05:29:59.999999+05:30", "9999-12-31T23:59:59.999Z"],
    ["4714-11-24 00:00:00+00 BC", "0001-01-01T00:00:00.000Z"],
  ])("%s is clamped as an instant, not as a local time: %s", (text, iso) => {
    expect(readInstant(text).toISOString()).toBe(iso);
  });

  test("in a DateStyle other than ISO is rejected, not guessed", () => {
    expect(() => readInstant("15.02.2026 10:00:00 UTC")).toThrow(/DateStyle/);
  });
});
