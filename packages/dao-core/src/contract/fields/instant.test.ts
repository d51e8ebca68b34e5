import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explainInstant, formatInstant, instant, MAX_INSTANT, MIN_INSTANT, parseInstant } from "./scalars.ts";

describe("parseInstant reads RFC 3339", () => {
  test.each([
    ["2026-02-15T10:00:00Z", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15t10:00:00z", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15 10:00:00Z", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15T12:00:00+02:00", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15T12:00:00+00:00", "2026-02-15T12:00:00.000Z"],
    ["2026-02-15T12:00:00-00:00", "2026-02-15T12:00:00.000Z"],
    ["2026-02-15T04:30:00-05:30", "2026-02-15T10:00:00.000Z"],
    ["2026-02-16T00:30:00+14:00", "2026-02-15T10:30:00.000Z"],
    ["2026-02-15T23:59:00+23:59", "2026-02-15T00:00:00.000Z"],
    ["2025-12-31T23:00:00-02:00", "2026-01-01T01:00:00.000Z"],
    ["2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["0000-12-31T23:00:00-02:00", "0001-01-01T01:00:00.000Z"],
    ["0099-06-01T00:00:00Z", "0099-06-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    ["1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"],
  ])("%s", (written, read) => {
    expect(parseInstant(written)?.toISOString()).toBe(read);
  });

  test.each([
    ["1", 100],
    ["12", 120],
    ["123", 123],
    ["1239", 123],
    ["12345", 123],
    ["999999", 999],
    ["0009999", 0],
    ["00100000", 1],
    ["123456789", 123],
    ["000000000000000000001", 0],
  ])("cuts the fraction .%s to %d ms", (fraction, milliseconds) => {
    expect(parseInstant(`2026-02-15T10:00:00.${fraction}Z`)?.getUTCMilliseconds()).toBe(milliseconds);
    expect(parseInstant(`1903-02-15T10:00:00.${fraction}Z`)?.getUTCMilliseconds()).toBe(milliseconds);
  });

  test.each([
    "",
    "now",
    "2026",
    "2026-02-15",
    "2026-02-15T10:00Z",
    "2026-02-15T10:00:00",
    "2026-02-15T10:00:00+02",
    "2026-02-15T10:00:00+0200",
    "2026-02-15T10:00:00 02:00",
    "2026-02-15T10:00:00+24:00",
    "2026-02-15T10:00:00+02:60",
    "2026-02-15T10:00:00−02:00",
    "2026-02-15T10:00:00.Z",
    "2026-02-15T10:00:00,5Z",
    "2026-02-15T10:00:00UTC",
    "2026-02-15T10:00:00Z[Europe/Berlin]",
    "2026-02-15T10:00:00Z\n",
    " 2026-02-15T10:00:00Z",
    "2026-2-15T10:00:00Z",
    "20260215T100000Z",
    "2026-02-15_10:00:00Z",
    "2026-02-30T10:00:00Z",
    "2026-02-29T10:00:00Z",
    "1900-02-29T10:00:00Z",
    "2026-04-31T10:00:00Z",
    "2026-00-15T10:00:00Z",
    "2026-13-15T10:00:00Z",
    "2026-02-00T10:00:00Z",
    "2026-02-15T24:00:00Z",
    "2026-02-15T25:00:00Z",
    "2026-02-15T10:60:00Z",
    "2026-02-15T10:00:61Z",
    // A leap second, which RFC 3339 has, but Date has not.
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z",
    "+010000-01-01T00:00:00Z",
    "-000001-01-01T00:00:00Z",
    "２０２６-02-15T10:00:00Z",
    "infinity",
  ])("does not read %j", (written) => {
    expect(parseInstant(written)).toBeUndefined();
  });

  const instants = fc.date({ min: MIN_INSTANT, max: MAX_INSTANT, noInvalidDate: true });

  test("what Date writes", () => {
    fc.assert(
      fc.property(instants, (date) => {
        expect(parseInstant(date.toISOString())).toEqual(date);
      }),
    );
  });

  test("at any offset", () => {
    const withinDay = { min: -23 * 60 - 59, max: 23 * 60 + 59 };
    fc.assert(
      fc.property(instants, fc.integer(withinDay), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString();
        // The local time itself may lie in a year that has no four digits.
        fc.pre(/^\d{4}-/.test(local));
        const two = (part: number) => String(part).padStart(2, "0");
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const written = `${local.slice(0, -1)}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
        expect(parseInstant(written)).toEqual(date);
      }),
    );
  });

  test("never throws, and everything that it reads can be stored", () => {
    const nearly = fc.stringMatching(/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/);
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (written) => {
        const read = parseInstant(written);
        if (read !== undefined) expect(instant().parse(read)).toEqual(read);
      }),
    );
  });
});

describe("explainInstant says what to send instead", () => {
  test.each([
    [undefined, "is required"],
    [null, "must not be null; send an instant"],
    [5, "such as 2026-02-15T10:00:00Z"],
    [new Date(Number.NaN), "must be a valid Date in the years 0001 to 9999"],
    ["2026-02-15T10:00:00", "has no offset"],
    ["2026-02-15T10:00", "has no offset"],
    ["2026-02-15 10:00", "has no offset"],
    ["2026-02-15 10:00:00.123456", "has no offset"],
    ["2026-02-15T10:00:00 02:00", "%2B"],
    ["2026-02-15T10:00:00.123456 00:00", "%2B"],
    ["2026-02-15 10:00:00 02:00", "%2B"],
    ["2026-02-15 10:00 02:00", "%2B"],
    ["2026-02-15T10:00:00Z", "must be a Date, not text"],
    ["2026-02-30T10:00:00Z", "must be an RFC 3339 instant"],
    ["tomorrow", "must be an RFC 3339 instant"],
  ])("%j", (value, words) => {
    expect(explainInstant(value)).toContain(words);
  });
});

describe("instant", () => {
  test.each([MIN_INSTANT, MAX_INSTANT, new Date(0)])("accepts %j", (date) => {
    expect(instant().parse(date)).toEqual(date);
  });

  test.each([
    new Date(MIN_INSTANT.getTime() - 1),
    new Date(MAX_INSTANT.getTime() + 1),
    new Date(Number.NaN),
    "2026-02-15T10:00:00Z",
    0,
    null,
  ])("rejects %j", (value) => {
    const { error } = instant().safeParse(value);
    expect(error?.issues).toEqual([expect.objectContaining({ message: explainInstant(value) })]);
  });
});

test("formatInstant writes what toISOString does, for every instant", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      expect(formatInstant(date)).toBe(date.toISOString());
    }),
  );
  const within = fc.date({ min: MIN_INSTANT, max: MAX_INSTANT, noInvalidDate: true });
  fc.assert(
    fc.property(within, (date) => {
      expect(formatInstant(date)).toBe(date.toISOString());
    }),
  );
});
