import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("SECURITY.md", root), "utf8");

/** A package that is bundled: `zod 4.6.7`. */
function builtInto(folder: string): string[] {
  const notice = readFileSync(new URL(`packages/${folder}/NOTICE`, root), "utf8");
  return [...notice.matchAll(/^(\S+ \d\S*) \([^)]+\): dist\//gm)].map(([, title = ""]) => title);
}

describe("SECURITY.md", () => {
  test("lists the bundled packages with their versions", () => {
    const documented = [...page.matchAll(/^\| `@flux\/([\w-]+)` \| (\S+ \d\S*) \|/gm)];
    const folders = ["dao-core", "dao-http"];
    expect(documented.map(([, folder, title]) => `${folder}: ${title}`)).toEqual(
      folders.flatMap((folder) => builtInto(folder).map((title) => `${folder}: ${title}`)),
    );
  });

  const named = [...page.matchAll(/`((?:test|packages)\/[\w/-]+)`/g)].map(([, path = ""]) => path);

  test.each(named)("%s, which it mentions, exists", (path) => {
    expect([path, `${path}.test.ts`].some((file) => existsSync(new URL(file, root)))).toBe(true);
  });

  test("mentions every test of this folder", () => {
    const files = readdirSync(new URL("test/security/", root)).filter((file) => file.endsWith(".test.ts"));
    const tests = files.map((file) => `test/security/${file.replace(".test.ts", "")}`);
    expect(named).toEqual(expect.arrayContaining(tests.filter((path) => !path.endsWith("/documented"))));
  });
});
