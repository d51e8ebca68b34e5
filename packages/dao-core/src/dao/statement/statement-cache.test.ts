import { expect, test } from "vitest";
import { type Statement, StatementCache } from "./statement.ts";

test("keeps the statements that are used, and not every one that ever was", () => {
  const cache = new StatementCache();
  let built = 0;
  const get = (key: string): Statement =>
    cache.get(key, () => {
      built++;
      return { text: key, parameters: [], kind: "read" };
    });
  const used = get("used");
  for (let shape = 0; shape < 5_000; shape++) {
    get(`shape ${shape}`);
    expect(get("used")).toBe(used);
  }
  expect(built).toBe(5_001);
  get("shape 4999");
  expect(built).toBe(5_001);
  get("shape 0");
  expect(built).toBe(5_002);
});
