import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("SECURITY.md", root), "utf8");

describe("SECURITY.md", () => {
  const named = [...page.matchAll(/`((?:test|packages)\/[\w/-]+)`/g)].map(([, path = ""]) => path);

  test.each(named)("%s, which it names, is there", (path) => {
    expect([path, `${path}.test.ts`].some((file) => existsSync(new URL(file, root)))).toBe(true);
  });

  test("names every test of this folder", () => {
    const files = readdirSync(new URL("test/security/", root)).filter((file) => file.endsWith(".test.ts"));
    const tests = files.map((file) => `test/security/${file.replace(".test.ts", "")}`);
    expect(named).toEqual(expect.arrayContaining(tests.filter((path) => !path.endsWith("/documented"))));
  });
});
