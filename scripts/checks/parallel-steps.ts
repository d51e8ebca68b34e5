import { spawn } from "node:child_process";
import { once } from "node:events";
import { repository } from "../repository.ts";

/** A shell command, run in the root of the repository. */
export interface Step {
  readonly name: string;
  readonly command: string;
}

interface Outcome extends Step {
  readonly status: "passed" | "failed" | "not run";
}

/**
 * Runs sequences of steps in parallel. Each sequence stops at its first failure. A step's output is written in one block when
 * the step ends.
 *
 * @returns whether every step passed
 */
export async function runInParallel(sequences: readonly (readonly Step[])[]): Promise<boolean> {
  const start = performance.now();
  const outcomes = (await Promise.all(sequences.map(runSequence))).flat();
  const count = outcomes.filter(({ status }) => status === "passed").length;
  process.stdout.write(`\n${count} of ${outcomes.length} checks passed in ${secondsSince(start)} s\n`);
  for (const { name, status } of outcomes) if (status !== "passed") process.stdout.write(`  ${status}: ${name}\n`);
  return count === outcomes.length;
}

async function runSequence(steps: readonly Step[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const isBlocked = outcomes.some(({ status }) => status !== "passed");
    outcomes.push({ ...step, status: isBlocked ? "not run" : await runStep(step) });
  }
  return outcomes;
}

async function runStep({ name, command }: Step): Promise<"passed" | "failed"> {
  const start = performance.now();
  const child = spawn(command, { shell: true, cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => output.push(chunk));
  const [code, signal] = await once(child, "close");
  process.stdout.write(`\n== ${name} (${secondsSince(start)} s)\n${Buffer.concat(output)}`);
  if (code === 0) return "passed";
  process.stdout.write(`FAILED: ${command} ended with ${code ?? signal}\n`);
  return "failed";
}

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1_000).toFixed(1);
}
