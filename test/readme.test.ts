import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";

const repository = new URL("../", import.meta.url);

/** The TypeScript blocks of a page. */
async function typescriptOf(page: string): Promise<string[]> {
  const text = await readFile(new URL(page, repository), "utf8");
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
}

/** Runs the nth TypeScript block of the README, where no database is set; what it prints. */
async function runBlock(index: number): Promise<unknown[][]> {
  const code = (await typescriptOf("README.md"))[index] ?? "";
  const folder = new URL(".data/test/", repository);
  await mkdir(folder, { recursive: true });
  const file = new URL(`readme-${index}.ts`, folder);
  await writeFile(file, code);
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.stubEnv("DATABASE_URL", undefined);
  try {
    await import(fileURLToPath(file));
    return log.mock.calls;
  } finally {
    vi.unstubAllEnvs();
    log.mockRestore();
  }
}

test("the README begins with some twenty lines of TypeScript that run, with a transaction in them", async () => {
  const [code = ""] = await typescriptOf("README.md");
  expect(code.trim().split("\n").length).toBeLessThanOrEqual(22);
  expect(code).toContain("DaoUnitOfWork.run");
  expect(await runBlock(0)).toEqual([["2026-03-02T07:00:00.000Z Learn 50 common words: scheduled"]]);
});

test("what the README says of many rows runs, and does what it says", async () => {
  expect(await runBlock(1)).toEqual([[{ createdCount: 2_000 }], ["important"]]);
});

test("what the README says of bad days runs, and does what it says", async () => {
  expect(await runBlock(2)).toEqual([[false, true], ["version_mismatch"]]);
});
