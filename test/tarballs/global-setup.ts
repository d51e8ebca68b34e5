import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packPackages, type Tarballs } from "../../scripts/packages/pack.ts";
import { type PublishedPackage, readPublishedPackages } from "../../scripts/packages/published-package.ts";
import { installedBy } from "./documents.ts";
import { findNode, type NodeVersion } from "./node-versions.ts";
import { succeed } from "./run.ts";
import { isLong, TYPESCRIPT_VERSIONS, typescriptFolder } from "./typescript-versions.ts";

/** Folders, each an empty project in which the tarballs were installed. */
interface Projects {
  /** With the packages that the README says to install, and no others. */
  readonly readme: string;
  /** With every peer, optional ones too, at the newest version of its range, versions of TypeScript, and zod 3 beside. */
  readonly newest: string;
  /** The same at the lowest. */
  readonly lowest: string;
  /** With bundlers and test runners. */
  readonly tools: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    tarballs: Tarballs;
    projects: Projects;
    nodes: readonly NodeVersion[];
  }
}

/** Both ends of `engines`, and the newest maintained version. */
const NODE_VERSIONS = isLong ? ["20.19.0", "20", "22.12.0", "22", "24"] : ["20.19.0", "20", "24"];

/** Packs what is built, and installs it as users would. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-tarballs-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const packages = await readPublishedPackages();
    const tarballs = await packPackages(folder);
    const files = Object.values(tarballs);
    const bundlers = ["webpack", "vite", "@electric-sql/pglite", "jest29@npm:jest@29", "jest30@npm:jest@30"];
    const tools = [
      "@types/node@20",
      "zod3@npm:zod@3",
      ...TYPESCRIPT_VERSIONS.map((v) => `${typescriptFolder(v)}@npm:typescript@${v}`),
    ];
    const readme = (await installedBy("README.md")).map((name) => tarballs[name] ?? name);
    const [nodes, ...projects] = await Promise.all([
      Promise.all(NODE_VERSIONS.map((asked) => findNode(asked, folder))),
      install(join(folder, "readme"), readme),
      install(join(folder, "newest"), [...files, ...peersOf(packages, (range) => range), ...tools, "tsx"]),
      install(join(folder, "lowest"), [...files, ...peersOf(packages, lowestOf), ...tools, "tsx"]),
      install(join(folder, "tools"), [...files, "zod", "@jest/globals@30", ...bundlers]),
    ]);
    project.provide("tarballs", tarballs);
    const [inReadme, newest, lowest, inTools] = projects;
    project.provide("projects", { readme: inReadme, newest, lowest, tools: inTools });
    project.provide("nodes", nodes);
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}

function peersOf(packages: readonly PublishedPackage[], versionOf: (range: string) => string): string[] {
  const peers = packages.flatMap(({ manifest }) => Object.entries(manifest.peerDependencies ?? {}));
  return [...new Set(peers.map(([name, range]) => `${name}@${versionOf(range)}`))];
}

function lowestOf(range: string): string {
  const version = /^\^(\d+\.\d+\.\d+)$/.exec(range)?.[1];
  if (version === undefined)
    throw new Error(`The lowest version of ${range} cannot be determined: only ^1.2.3 is supported.`);
  return version;
}

async function install(folder: string, what: readonly string[]): Promise<string> {
  await mkdir(folder);
  await succeed("npm", ["init", "-y"], { cwd: folder });
  await succeed("npm", ["install", "--no-audit", "--no-fund", ...what], { cwd: folder });
  return folder;
}
