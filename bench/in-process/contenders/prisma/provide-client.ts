import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "tsup";

const run = promisify(execFile);
const schema = new URL("schema.prisma", import.meta.url);
const folder = new URL("../../../../node_modules/.cache/flux-bench-prisma/", import.meta.url);

/** The client is one patch release older: the generator's version of it was not published. */
const PACKAGES = { prisma: "7.10.1", "@prisma/client": "7.10.0", "@prisma/adapter-pg": "7.10.1" };

export const PRISMA_VERSION = PACKAGES["@prisma/client"];

/**
 * Installs Prisma and generates its client in the cache: 300 MB that only a whole run of the bench needs. Takes at most a
 * minute the first time, then two seconds.
 *
 * @returns the file of a module with `PrismaClient` and `PrismaPg`
 * @throws Error if the packages cannot be installed
 */
export async function providePrismaClient(): Promise<string> {
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(new URL(name, folder), text);
  await write("package.json", JSON.stringify({ private: true, type: "module", dependencies: PACKAGES }));
  await write(
    "prisma.config.ts",
    `import { defineConfig } from "prisma/config"; export default defineConfig({ schema: "schema.prisma" });`,
  );
  await write(
    "entry.ts",
    `export { PrismaPg } from "@prisma/adapter-pg"; export { PrismaClient } from "./generated/client.ts";`,
  );
  await copyFile(schema, new URL("schema.prisma", folder));
  const cwd = fileURLToPath(folder);
  await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], { cwd });
  // Generating needs no schema engine, but would download one unless it is told that there is one.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1" };
  await run(process.execPath, ["node_modules/prisma/build/index.js", "generate"], { cwd, env });
  await build({
    entry: { client: fileURLToPath(new URL("entry.ts", folder)) },
    outDir: fileURLToPath(new URL("compiled/", folder)),
    config: false,
    format: "esm",
    target: "node20",
    platform: "node",
    external: [/^@prisma\//],
    silent: true,
  });
  return fileURLToPath(new URL("compiled/client.js", folder));
}
