import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The root of the repository, with a trailing slash. */
export const repository = join(import.meta.dirname, "../");

const manifest: { packageManager: string } = JSON.parse(readFileSync(`${repository}package.json`, "utf8"));

/** The command of the package manager on a machine with only Node.js. */
export const packageManager: readonly [string, ...string[]] = ["npx", "--yes", manifest.packageManager];
