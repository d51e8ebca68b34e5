import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder that all of this is in. */
export const repository = fileURLToPath(new URL("../..", import.meta.url));

const manifest: { packageManager: string } = JSON.parse(readFileSync(`${repository}package.json`, "utf8"));

/** How the package manager is called where nothing but Node.js is installed. */
export const packageManager: readonly [string, ...string[]] = ["npx", "--yes", manifest.packageManager];
