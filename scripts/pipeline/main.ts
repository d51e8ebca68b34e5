import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageManager, repository } from "../repository.ts";
import { read, run } from "../run.ts";
import { ContainerDeployment, hasDocker } from "./container-deployment.ts";
import { machine, writeReport } from "./report.ts";
import { Steps } from "./step.ts";
import { openTreeDeployment } from "./tree-deployment.ts";
import { runVitest } from "./vitest-run.ts";

const usage = `Usage: scripts/build-and-test [--only STAGE]… [--report FOLDER]

Builds and tests, builds what is shipped, runs it and tests it from outside, and writes a report (build-and-test.md and .json).

  --only STAGE      build, unit, integration or container; may be given more than once. Default: all
  --report FOLDER   where the report goes. Default: test-report/

With a Docker engine the last stage is the image, run by compose.yaml; without one it is the files that the image holds, run
from an empty folder by an unprivileged user. Exit codes: 0 all passed; 1 something failed; 2 called wrongly.
`;

const STAGES = ["build", "unit", "integration", "container"] as const;
type Stage = (typeof STAGES)[number];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      report: { type: "string", default: join(repository, "test-report") },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const stages = (values.only ?? STAGES).map(toStage);
  const began = new Date().toISOString();
  await mkdir(values.report, { recursive: true });
  const steps = new Steps();
  const notTried = STAGES.filter((stage) => !stages.includes(stage)).map(
    (stage) => `The stage ${stage}: excluded by --only.`,
  );
  if (stages.includes("build")) {
    await steps.run("Build", async () => {
      await run([...packageManager, "build"]);
      return undefined;
    });
  }
  if (stages.includes("unit")) {
    await steps.run("Types", async () => {
      await run([...packageManager, "types"]);
      return undefined;
    });
    await steps.run("Unit tests", async () => ({ tests: await runVitest(["--project", "unit"]) }));
  }
  if (stages.includes("integration")) {
    await steps.run("Integration tests", async () => ({ tests: await runVitest(["--project", "integration*"]) }));
  }
  if (stages.includes("container")) notTried.push(...(await tryDeployment(steps, join(values.report, "service.log"))));

  const passed = !steps.hasFailed;
  const commit = await read(["git", "rev-parse", "--short", "HEAD"]).catch(() => "unknown");
  await writeReport(values.report, { passed, began, commit, machine: machine(), steps: steps.done, notTried });
  process.stdout.write(
    `\n${passed ? "All passed" : "FAILED"}. The report is ${join(values.report, "build-and-test.md")}.\n`,
  );
  return passed ? 0 : 1;
}

/** Builds what is shipped, runs it and tests it from outside; returns what was not tested. */
async function tryDeployment(steps: Steps, logFile: string): Promise<readonly string[]> {
  await using deployment = (await hasDocker()) ? new ContainerDeployment(logFile) : await openTreeDeployment(logFile);
  const key = randomUUID();
  let url = "";
  await steps.run(deployment.artefact, () => deployment.build());
  await steps.run("Start", async () => {
    const started = await deployment.start(key);
    url = started.url;
    return started;
  });
  await steps.run("Black-box tests", async () => {
    const config = ["--config", "test/black-box/vitest.config.ts"];
    return { tests: await runVitest(config, { BLACK_BOX_URL: url, BLACK_BOX_KEY: key }) };
  });
  await steps.run("SIGTERM", () => deployment.stop());
  return deployment.notTried;
}

function toStage(text: string): Stage {
  const stage = STAGES.find((known) => known === text);
  if (stage === undefined) throw new TypeError(`There is no stage ${text}: use ${STAGES.join(", ")}.`);
  return stage;
}

process.on("SIGINT", () => process.exit(1)).on("SIGTERM", () => process.exit(1));
process.exitCode = await main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError;
  process.stderr.write(isUsage ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : error}\n`);
  return isUsage ? 2 : 1;
});
