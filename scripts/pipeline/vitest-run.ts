import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageManager } from "../repository.ts";
import { run } from "../run.ts";
import type { TestCounts } from "./step.ts";

/** Runs Vitest with these arguments, and these variables added to the environment; returns the test counts. */
export async function runVitest(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestCounts> {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-results-"));
  try {
    const results = join(folder, "results.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
    const ended = await run([...packageManager, "exec", "vitest", "run", ...args, ...reporters], { env }).then(
      () => undefined,
      (error: unknown) => error,
    );
    const text = await readFile(results, "utf8").catch(() => "");
    // A run that ended early writes no results.
    if (text === "") throw ended ?? new Error("The tests ended without results.");
    const counts: { numPassedTests: number; numFailedTests: number; numPendingTests: number } = JSON.parse(text);
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = counts;
    // Vitest also fails for errors outside of tests, and if there are no tests.
    return { passed, failed: failed === 0 && ended !== undefined ? 1 : failed, skipped };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
