import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ValidationError } from "../errors.ts";
import { id, parseId } from "./text.ts";
import { validate } from "./validation.ts";

const known = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const hex = fc.stringMatching(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/);

describe("ids", () => {
  test("any 8-4-4-4-12 hex form is one, whatever its version bits; it is lower case once parsed", () => {
    fc.assert(
      fc.property(hex, (value) => {
        expect(id().parse(value)).toBe(value.toLowerCase());
        expect(parseId(value)).toBe(value.toLowerCase());
      }),
    );
  });

  test.each([
    "",
    "1",
    known.slice(1),
    `${known}0`,
    ` ${known}`,
    `${known}\n`,
    `${known}\u0000`,
    known.replaceAll("-", ""),
    known.replace("-", "_"),
    `{${known}}`,
    `urn:uuid:${known}`,
    known.replace("e", "g"),
    known.replace("1", "１"),
    undefined,
    null,
    5,
    true,
    [known],
    { toString: () => known },
  ])("%j is none", (value) => {
    expect(id().safeParse(value).success).toBe(false);
    expect(() => parseId(value)).toThrow(ValidationError);
  });

  test("the message shows what an id looks like, and names the field", () => {
    expect(() => parseId("x")).toThrow("id must be a UUID, such as 0198c5f0-");
    expect(() => parseId("x", "userId")).toThrow("userId must be a UUID");
    expect(() => parseId(undefined)).toThrow("id is required.");
    expect(() => validate(id(), 5)).toThrow("The input must be a UUID");
    expect(() => validate(id(), undefined)).toThrow("The input is required.");
  });
});
