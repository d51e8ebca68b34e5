/** Audits the production dependencies: exits with 1 on a finding that is high or critical. Says so where the registry cannot be asked. */
import { spawnSync } from "node:child_process";

interface Report {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
}

/** pnpm ends with 1 on findings too: what it prints is what counts. */
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
console.log(found ?? "NOT audited: the registry cannot be asked.");
if ((found?.["high"] ?? 0) + (found?.["critical"] ?? 0) > 0) process.exitCode = 1;
