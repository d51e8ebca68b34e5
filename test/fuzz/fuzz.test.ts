import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { OpenApiDocument } from "../rest/openapi-document.ts";
import { judgeQuery } from "./contract-rules.ts";
import { describeFinding } from "./findings.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";
import { describeMemory, memoryProblem } from "./memory.ts";
import { Fuzz } from "./run.ts";
import { SchemaJudge } from "./schema-verdict.ts";

/** Other seeds find other things: `pnpm test:fuzz` takes a new one each time. */
const SEED = 20_261_124;
const REQUESTS = 1_500;

let server: FuzzedServer;
beforeAll(async () => {
  server = await startFuzzedServer(inject("adminUrl"));
});
afterAll(() => server?.[Symbol.asyncDispose]());

test("every request gets a documented response, and leaves nothing in memory", async () => {
  const fuzz = await Fuzz.start(server, SEED);
  await fuzz.sendUntil(REQUESTS / 2);
  const before = await server.memory();
  await fuzz.sendUntil(REQUESTS);
  const after = await server.memory();
  // Truncated: the test runner would take minutes to print the difference of two bodies of a megabyte.
  expect(fuzz.findings.kept.map((finding) => describeFinding(finding).slice(0, 2_000))).toEqual([]);
  expect(fuzz.neverDone).toEqual([]);
  expect(server.complaints()).toBe("");
  expect(memoryProblem(before, after, REQUESTS / 2), describeMemory([before, after])).toBeUndefined();
}, 600_000);

test.each([
  ["a code point counts as one character", { type: "string", maxLength: 2 }, "😀😀", "valid"],
  ["three code points are more than two", { type: "string", maxLength: 2 }, "😀😀😀", "invalid"],
  ["a minimum", { type: "integer", minimum: 1 }, 0, "invalid"],
  ["1.0 is an integer", { type: "integer" }, 1.0, "valid"],
  ["no integer", { type: "integer" }, 1.5, "invalid"],
  ["null where it may be", { anyOf: [{ type: "string", format: "date-time" }, { type: "null" }] }, null, "valid"],
  ["the 30th of February", { type: "string", format: "date-time" }, "2026-02-30T00:00:00Z", "invalid"],
  ["a leap second", { type: "string", format: "date-time" }, "2016-12-31T23:59:60Z", "unclear"],
  ["a UUID of no version", { type: "string", format: "uuid" }, "ffffffff-ffff-ffff-ffff-ffffffffffff", "valid"],
  ["a UUID in braces", { type: "string", format: "uuid" }, "{ffffffff-ffff-ffff-ffff-ffffffffffff}", "invalid"],
  ["an invalid item", { type: "array", items: { enum: [1] } }, [1, 2], "invalid"],
  ["a missing property", { type: "object", required: ["a"] }, {}, "invalid"],
  ["an inherited property does not count", { type: "object", required: ["toString"] }, {}, "invalid"],
  ["a reference", { $ref: "#/components/schemas/One" }, 2, "invalid"],
])("by JSON Schema: %s", (_, schema, value, verdict) => {
  expect(judge.judge(schema, value).is).toBe(verdict);
});

test.each([
  ["a range of no length", { week_number_from: 2, week_number_before: 2 }, "invalid"],
  ["a range in milliseconds", { at_from: "2026-01-01T00:00:00.0001Z", at_before: "2026-01-01T00:00:00Z" }, "invalid"],
  ["a range in two offsets", { at_from: "2026-01-01T01:00:00+02:00", at_before: "2026-01-01T00:00:00Z" }, "valid"],
  ["null beside a value", { is_null: ["goal_id"], goal_id: ["x"] }, "invalid"],
  ["null beside a range", { is_null: ["end_time"], end_time_before: "2026-01-01T00:00:00Z" }, "invalid"],
  ["null of another field", { is_null: ["end_time"], start_time_from: "2026-01-01T00:00:00Z" }, "valid"],
])("in a query: %s", (_, values, verdict) => {
  expect(judgeQuery(values).is).toBe(verdict);
});

test("an unnamed property is invalid only if the schema is closed", () => {
  const schema = { type: "object", properties: { a: {} } };
  expect(judge.judge(schema, { b: 1 }).is).toBe("valid");
  expect(new SchemaJudge(document, { isClosed: true }).judge(schema, { b: 1 }).is).toBe("invalid");
});

test("an unsupported keyword or format is an error", () => {
  expect(() => judge.judge({ type: "string", contentEncoding: "base64" } as object, "")).toThrow("contentEncoding");
  expect(() => judge.judge({ type: "string", format: "duration" }, "")).toThrow("duration");
});

const document: OpenApiDocument = {
  openapi: "3.1.0",
  info: {},
  paths: {},
  components: { schemas: { One: { const: 1 } as object }, securitySchemes: {}, responses: {} },
};
const judge = new SchemaJudge(document);
