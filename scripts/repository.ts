import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder that all of this is in, with a slash at its end. */
export const repository = join(import.meta.dirname, "../");

const manifest: { packageManager: string } = JSON.parse(readFileSync(`${repository}package.json`, "utf8"));

/** How the package manager is called where nothing but Node.js is installed. */
export const packageManager: readonly [string, ...string[]] = ["npx", "--yes", manifest.packageManager];
