/**
 * Audits the production dependencies. Exits with 1 on a high or critical finding; reports if the registry is unreachable.
 */
import { spawnSync } from "node:child_process";

interface Report {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
}

/** pnpm also exits with 1 when it has findings, so its output is parsed instead. */
function audit(): Readonly<Record<string, number>> | undefined {
  const { stdout } = spawnSync("pnpm", ["audit", "--prod", "--json"], { encoding: "utf8" });
  try {
    const report: Report = JSON.parse(stdout);
    return report.metadata?.vulnerabilities;
  } catch {
    return undefined;
  }
}

const found = audit();
console.log(found ?? "NOT audited: the registry is unreachable.");
if ((found?.["high"] ?? 0) + (found?.["critical"] ?? 0) > 0) process.exitCode = 1;
