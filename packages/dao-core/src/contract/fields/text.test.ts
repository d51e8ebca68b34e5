import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ValidationError } from "../errors.ts";
import { EMAIL_PATTERN } from "./constants.ts";
import { codePointLength, email, id, parseId, text, unstorableText } from "./scalars.ts";
import { validate } from "./validation.ts";

const anyUnits = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));
const anyCodePoints = fc.string({ unit: "binary" });

const messagesOf = (schema: ReturnType<typeof text>, value: unknown) =>
  schema.safeParse(value).error?.issues.map((issue) => issue.message) ?? [];

describe("unstorableText: what PostgreSQL cannot store (contract, Data)", () => {
  test.each([
    ["NUL", "a\u0000b", "NUL"],
    ["NUL alone", "\u0000", "NUL"],
    ["a lone high surrogate", "a\ud83d", "surrogate"],
    ["a lone low surrogate", "\ude00b", "surrogate"],
    ["surrogates in the wrong order", "\ude00\ud83d", "surrogate"],
  ])("%s", (_, value, word) => {
    expect(unstorableText(value)).toContain(word);
  });

  test.each(["", " ", "text", "🙂", "\u0001\u001f\u007f", "\uffff\ufffe\ufeff", "\u{10ffff}"])("not %j", (value) => {
    expect(unstorableText(value)).toBeUndefined();
  });

  test("text that it accepts survives UTF-8", () => {
    fc.assert(
      fc.property(anyUnits, (value) => {
        const survives =
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(value)) === value;
        expect(unstorableText(value) === undefined).toBe(survives && !value.includes("\u0000"));
      }),
    );
  });
});

describe("codePointLength: as char_length counts", () => {
  test.each([
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 2],
    ["🙂", 1],
    ["a🙂b🙂", 4],
    ["👨‍👩‍👧", 5],
    ["\u{10ffff}", 1],
  ])("%j has %d", (value, length) => {
    expect(codePointLength(value)).toBe(length);
  });

  test("is the number of code points of any well-formed text", () => {
    fc.assert(
      fc.property(anyCodePoints, (value) => {
        expect(codePointLength(value)).toBe([...value].length);
      }),
    );
  });
});

describe("text", () => {
  test("has no bounds by default", () => {
    expect(messagesOf(text(), "")).toEqual([]);
    expect(messagesOf(text(), "x".repeat(100_000))).toEqual([]);
  });

  test("is bounded in code points, inclusively", () => {
    const title = text({ min: 1, max: 500 });
    for (const value of ["x", "🙂".repeat(500), "x".repeat(500)]) expect(messagesOf(title, value)).toEqual([]);
    expect(messagesOf(title, "")).toEqual(["must be 1 to 500 characters long, not 0"]);
    expect(messagesOf(title, "🙂".repeat(501))).toEqual(["must be 1 to 500 characters long, not 501"]);
  });

  test("is passed on unchanged", () => {
    fc.assert(
      fc.property(anyCodePoints, (value) => {
        fc.pre(!value.includes("\u0000"));
        expect(text().parse(value)).toBe(value);
      }),
    );
  });

  test("names every rule that is broken", () => {
    expect(messagesOf(text({ min: 1, max: 2 }), "ab\u0000")).toHaveLength(2);
  });

  test.each([null, undefined, 5, true, [], {}, ["a"]])("is not %j", (value) => {
    expect(text().safeParse(value).success).toBe(false);
  });
});

describe("email", () => {
  test.each([
    "jane@example.com",
    "jane.doe+tag@sub.example.co.uk",
    "o'brien@example.com",
    "a@b",
    "jane@localhost",
    "jane_doe-1%x@example.com",
    "!#$%&'*+-/=?^_`{|}~@example.com",
    "ünï@bücher.example",
    "用户@例子.广告",
    "🙂@example.com",
    `${"x".repeat(243)}@example.com`,
  ])("%s is valid", (value) => {
    expect(email().safeParse(value).success).toBe(true);
  });

  test.each([
    "",
    " ",
    "jane",
    "@",
    "@example.com",
    "jane@",
    "jane@@example.com",
    "jane@example@com",
    "jane doe@example.com",
    " jane@example.com",
    "jane@example.com ",
    "jane@example.com\n",
    "jane@exam\tple.com",
    "jane\u00a0doe@example.com",
    ".jane@example.com",
    "jane.@example.com",
    "jane..doe@example.com",
    "jane@.example.com",
    "jane@example.com.",
    "jane@example..com",
    "Jane <jane@example.com>",
    '"jane doe"@example.com',
    "a@example.com,b@example.com",
    "a@example.com;b@example.com",
    "jane@[127.0.0.1]",
    "jane(comment)@example.com",
    "jane:doe@example.com",
    "jane\\doe@example.com",
    "jane\u0000@example.com",
    "jane\ud83d@example.com",
    `${"x".repeat(244)}@example.com`,
  ])("%j is invalid", (value) => {
    expect(email().safeParse(value).success).toBe(false);
  });

  test("takes linear time", () => {
    const before = process.cpuUsage();
    for (const part of ["a.", "a@", ".", "a"]) email().safeParse(part.repeat(50_000));
    // Quadratic time would be 10,000,000,000 steps.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  });

  test("the pattern contains no semicolon, at which drizzle-kit would cut the constraint", () => {
    expect(EMAIL_PATTERN).not.toContain(";");
  });
});

const knownId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const hex = fc.stringMatching(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/);

describe("ids", () => {
  test("any 8-4-4-4-12 hex form is valid, whatever its version bits, and parsed to lower case", () => {
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
    knownId.slice(1),
    `${knownId}0`,
    ` ${knownId}`,
    `${knownId}\n`,
    `${knownId}\u0000`,
    knownId.replaceAll("-", ""),
    knownId.replace("-", "_"),
    `{${knownId}}`,
    `urn:uuid:${knownId}`,
    knownId.replace("e", "g"),
    knownId.replace("1", "１"),
    undefined,
    null,
    5,
    true,
    [knownId],
    { toString: () => knownId },
  ])("%j is invalid", (value) => {
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
