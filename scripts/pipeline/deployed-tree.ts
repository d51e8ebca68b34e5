import { cp, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { packageManager, repository } from "../repository.ts";
import { run } from "../run.ts";

/** The files that the image holds beside its base image. */
export interface DeployedTree {
  readonly path: string;
  /** Its packages, as pnpm's store names them. */
  readonly packages: readonly string[];
  readonly megabytes: number;
}

/** Packages that only development needs: one of them in the tree means that all are. */
const DEVELOPMENT_ONLY = ["vitest", "typescript", "tsup", "redoc", "swagger-ui-dist", "@electric-sql+pglite"];

/**
 * Makes in `folder`, which is empty, the tree that the image copies, by the same command as the Dockerfile; the packages
 * have been built.
 * @throws Error when the command fails, or when the tree holds what only development needs
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
  if (superfluous.length > 0) throw new Error(`The tree holds what only development needs: ${superfluous.join(", ")}.`);
  return { path, packages, megabytes: await megabytesOf(path) };
}

/**
 * What a deployment reads, copied: it leaves its settings with the workspace that it is run in, and the next command there
 * would remove the development's packages.
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
