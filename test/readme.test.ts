import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";

const repository = new URL("../", import.meta.url);

/** The TypeScript blocks of a page. */
async function typescriptOf(page: string): Promise<string[]> {
  const text = await readFile(new URL(page, repository), "utf8");
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
}

test("the README begins with some twenty lines of TypeScript that run, with a transaction in them", async () => {
  const [code = ""] = await typescriptOf("README.md");
  expect(code.trim().split("\n").length).toBeLessThanOrEqual(22);
  expect(code).toContain("DaoUnitOfWork.run");
  const folder = new URL(".data/test/", repository);
  await mkdir(folder, { recursive: true });
  const file = new URL("readme.ts", folder);
  await writeFile(file, code);
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.stubEnv("DATABASE_URL", undefined);
  try {
    await import(fileURLToPath(file));
    expect(log.mock.calls).toEqual([["2026-03-02T07:00:00.000Z Learn 50 common words: scheduled"]]);
  } finally {
    vi.unstubAllEnvs();
    log.mockRestore();
  }
});
