import { mkdir, writeFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { join } from "node:path";
import type { Step } from "./step.ts";

/** The results of the pipeline. */
export interface Report {
  readonly passed: boolean;
  /** The start time, RFC 3339. */
  readonly began: string;
  readonly commit: string;
  readonly machine: string;
  readonly steps: readonly Step[];
  /** One sentence for each thing that was not tested. */
  readonly notTried: readonly string[];
}

/** `Linux 6.1 x64, Node.js 20.19.0` */
export const machine = () => `${platform()} ${release()} ${arch()}, Node.js ${process.versions.node}`;

/** Writes `build-and-test.md`, for people, and `build-and-test.json`, for programs, into `folder`. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "build-and-test.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, "build-and-test.md"), toMarkdown(report));
}

function toMarkdown({ passed, began, commit, machine, steps, notTried }: Report): string {
  return [
    `# Build and test: ${passed ? "passed" : "failed"}`,
    "",
    `${began}, commit ${commit}, ${machine}.`,
    "",
    "| step | | seconds | tests passed | failed | skipped |",
    "|---|---|---|---|---|---|",
    ...steps.map(({ name, status, seconds, tests }) => {
      const counts = tests === undefined ? ["", "", ""] : [tests.passed, tests.failed, tests.skipped];
      return `| ${[name, status, seconds, ...counts].join(" | ")} |`;
    }),
    ...section(
      "What was found",
      steps.flatMap(({ name, notes = [] }) => notes.map((note) => `${name}: ${note}`)),
    ),
    ...section("Not tried", notTried),
    "",
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines.map((line) => `- ${line.replaceAll("\n", " ")}`)];
}
