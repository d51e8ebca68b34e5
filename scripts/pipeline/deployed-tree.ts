import { cp, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { packageManager, repository } from "../repository.ts";
import { run } from "../run.ts";

/** The files that the image adds to its base image. */
export interface DeployedTree {
  readonly path: string;
  /** The packages, as named in pnpm's store. */
  readonly packages: readonly string[];
  readonly megabytes: number;
}

/** Development-only packages. If one of them is in the tree, the development dependencies were not pruned. */
const DEVELOPMENT_ONLY = ["vitest", "typescript", "tsup", "redoc", "swagger-ui-dist", "preact", "@electric-sql+pglite"];

/**
 * Creates in the empty `folder` the tree that the image copies, with the Dockerfile's command; the packages must be built.
 * @throws Error if the command fails, or the tree contains development-only packages
 */
export async function makeDeployedTree(folder: string): Promise<DeployedTree> {
  const workspace = join(folder, "workspace");
  const path = join(folder, "service");
  await copyWorkspace(workspace);
  const deploy = ["--filter", "@flux/dao-http", "deploy", "--prod", "--prefer-offline", path];
  await run([...packageManager, "--config.inject-workspace-packages=true", ...deploy], { cwd: workspace });
  const packages = await packagesIn(path);
  const superfluous = packages.filter((name) => DEVELOPMENT_ONLY.includes(name));
  if (!packages.includes("pino")) throw new Error("The tree lacks the package pino, which the service needs.");
  if (superfluous.length > 0)
    throw new Error(`The tree contains development-only packages: ${superfluous.join(", ")}.`);
  return { path, packages, megabytes: await megabytesOf(path) };
}

/**
 * Copies what `pnpm deploy` reads: it leaves its settings in the workspace in which it runs, and the next pnpm command there
 * would remove the development dependencies.
 */
async function copyWorkspace(copy: string): Promise<void> {
  const isPart = (path: string) => !["node_modules", "src", "test"].includes(basename(path));
  for (const part of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "packages", "examples/package.json"]) {
    await cp(join(repository, part), join(copy, part), { recursive: true, filter: isPart });
  }
}

async function packagesIn(tree: string): Promise<string[]> {
  const names = await readdir(join(tree, "node_modules", ".pnpm"));
  return names
    .filter((name) => name !== "node_modules" && name.includes("@"))
    .map((name) => name.replace(/@[^@]*$/, ""));
}

async function megabytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / 1e6;
}
