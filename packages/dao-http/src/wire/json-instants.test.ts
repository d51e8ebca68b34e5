import fc from "fast-check";
import { expect, test } from "vitest";
import { encode } from "./json.ts";

test("an instant is written as Date writes it, in any year", () => {
  const edges = [
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
  ];
  for (const edge of edges) expect(encode(new Date(edge))).toBe(`"${edge}"`);
  const near = fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(fc.oneof(near, fc.date({ noInvalidDate: true })), (instant) => {
      expect(encode(instant)).toBe(`"${instant.toISOString()}"`);
    }),
    { numRuns: 10_000 },
  );
});
