import { expect, test } from "vitest";
import { versionOf } from "../contract/version.ts";
import { longRowVersion, longValue } from "./piece-reads.ts";

/** A row with long `messages`; `text` is PostgreSQL's JSON, if it is in memory. */
function longRow(text: string | undefined): object {
  async function* parts(): AsyncGenerator<string, void, undefined> {
    yield text ?? "[]";
  }
  const messages = longValue({ isJson: true, text, partLength: 1, parts: parts() });
  return { id: "a", title: "ä\n\ud800", goalId: null, messages, createdAt: new Date(0) };
}

const many = (member: string) => `[${Array(30_000).fill(member).join(", ")}]`;

test.each([
  ["no member", "[]"],
  ["members of several turns", many('{"text": "a, [\\"b\\\\", "list": [1e2, {}, "]"]}')],
  ["one member of several turns", `["${"\\u00e4,".repeat(100_000)}"]`],
  ["numbers that are written otherwise", many(`1${"0".repeat(30)}`)],
  ["an object", `{"10": 1, "9": ${many('"x"')}}`],
  ["text", `"${",[".repeat(200_000)}"`],
])("is the version of the DTO: %s", async (_, json) => {
  const messages: unknown = JSON.parse(json);
  expect(await longRowVersion(longRow(json))).toBe(versionOf({ ...longRow(json), messages }));
});

test("a value that is not in memory has none", async () => {
  expect(await longRowVersion(longRow(undefined))).toBe(undefined);
});
