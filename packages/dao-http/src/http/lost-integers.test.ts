import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { markLostIntegers } from "./request-body.ts";

describe("markLostIntegers", () => {
  test.each([
    ["[9007199254740993]", "[1e999]"],
    ["[-9007199254740993]", "[1e999]"],
    ["[9007199254740992, -9007199254740992, 1234567890123456]", undefined],
    ["[12345678901234567890.5, 1.2345678901234567890, 12345678901234567890e-5]", undefined],
    ['{"12345678901234567890":"12345678901234567890"}', undefined],
    ['["\\"12345678901234567890", "\\\\", 12345678901234567890]', '["\\"12345678901234567890", "\\\\", 1e999]'],
    ['["\\\\\\"", 12345678901234567890,"\\\\"]', '["\\\\\\"", 1e999,"\\\\"]'],
    ["12345678901234567890", "1e999"],
  ])("%s", (text, marked = text) => {
    expect(markLostIntegers(text)).toBe(marked);
  });

  test("does not change any other JSON", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^["\\\d]{0,24}$/));
    const values = fc.array(
      fc.oneof(text, fc.maxSafeInteger(), fc.double({ noDefaultInfinity: true, noNaN: true, min: -1, max: 1 })),
    );
    fc.assert(
      fc.property(values, fc.stringMatching(/^["\\]\d{16,24}["\\]{0,3}$/), (some, key) => {
        const whole = JSON.stringify([some, { [key]: some }, JSON.stringify(some)]);
        expect(markLostIntegers(whole)).toBe(whole);
      }),
    );
  });
});
