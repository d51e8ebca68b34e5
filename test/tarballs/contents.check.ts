import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, posix } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { readPublishedPackages } from "../../scripts/packages/published-package.ts";
import { repository } from "../../scripts/repository.ts";
import { succeed } from "./run.ts";

const packages = await readPublishedPackages();

const allowed = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|NOTICE)$/,
  /^dist\/([\w-]+\/)?[\w.-]+\.(js|js\.map|d\.ts)$/,
  /^dist\/(docs|licences)\/[@\w.+-]+\.(css|html|js|LICENSE\.txt|NOTICE\.txt)$/,
  /^bin\/[\w-]+\.js$/,
];
const tests = /\.(test|check|test-d)\.|(^|\/)test\//;

interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly (string | null)[];
}

describe.each(packages)("the tarball of $manifest.name", ({ manifest }) => {
  const tarball = inject("tarballs")[manifest.name] ?? "";
  const folder = join(inject("projects").readme, "node_modules", manifest.name);
  const list = async () => {
    const printed = await succeed("tar", ["tzf", tarball], { cwd: dirname(tarball) });
    return printed
      .trim()
      .split("\n")
      .map((path) => path.replace(/^package\//, ""));
  };
  const text = (path: string) => readFile(join(folder, path), "utf8");

  test("contains the build, the documentation files, and nothing else", async () => {
    const files = await list();
    expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)) || tests.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(["package.json", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"]));
    const named = (await text("NOTICE")).match(/dist\/[@\w./+-]*[\w]/g) ?? [];
    expect(files).toEqual(expect.arrayContaining(named));
    expect(named.length).toBeGreaterThan(0);
  });

  test("contains every file that its package.json refers to, and nothing of the workspace", async () => {
    const files = await list();
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? target : Object.values(target),
    );
    const paths = [...targets, ...Object.values(manifest.bin ?? {})].map((path) => posix.normalize(path));
    expect(files).toEqual(expect.arrayContaining(paths));
    expect(await text("package.json")).not.toContain("workspace:");
  });

  test("contains nothing about the machine that it was built on", async () => {
    for (const file of await list()) {
      const content = await text(file);
      for (const path of [repository, `${homedir()}/`])
        expect(content.includes(path), `${file} names ${path}`).toBe(false);
      if (!file.endsWith(".map")) continue;
      const { sources, sourcesContent = [] }: SourceMap = JSON.parse(content);
      expect(
        sources.filter((source) => /^([a-z]+:|\/)/i.test(source) || tests.test(source)),
        file,
      ).toEqual([]);
      expect(sourcesContent.filter((source) => source !== null).length, `the sources in ${file}`).toBe(sources.length);
    }
  });
});
