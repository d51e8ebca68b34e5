import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packPackages, type Tarballs } from "../../scripts/packages/pack.ts";
import { repository } from "../../scripts/repository.ts";
import { succeed } from "../tarballs/run.ts";
import type { Page } from "./pages.ts";

/** A reader's environment: a project in which the packages are installed as published. */
export interface ReaderProject extends AsyncDisposable {
  readonly folder: string;
  /** A folder outside of the project, where nothing is installed. */
  readonly empty: string;
  /** Where our packed packages are. */
  readonly tarballs: Tarballs;
}

/** Packs the built packages, and installs them with what the pages import. */
export async function createReaderProject(pages: readonly Page[]): Promise<ReaderProject> {
  const root = await mkdtemp(join(tmpdir(), "flux-dao-reader-"));
  const [folder, empty] = [join(root, "project"), join(root, "empty")];
  await Promise.all([mkdir(folder), mkdir(empty)]);
  const tarballs = await packPackages(root);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const theirs = await versions(new Set([...importedBy(pages), "typescript", "tsx", "@types/node"]));
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", ...Object.values(tarballs), ...theirs];
  await succeed("npm", install, { cwd: folder });
  return { folder, empty, tarballs, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** The packages that TypeScript blocks import, except ours. */
function importedBy(pages: readonly Page[]): string[] {
  const code = pages.flatMap(({ blocks }) =>
    blocks.filter(({ language }) => language === "ts").map(({ code }) => code),
  );
  const specifiers = [...code.join("\n").matchAll(/(?:from|import) "([^".][^"]*)"/g)].map(([, name = ""]) => name);
  return specifiers
    .map((specifier) =>
      specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/"),
    )
    .filter((name) => !name.startsWith("@flux/") && !name.startsWith("node:") && !builtinModules.includes(name));
}

/** The versions of the workspace, peers and types included; a package that the workspace does not have is an error. */
async function versions(names: ReadonlySet<string>): Promise<string[]> {
  const known = new Map<string, string>();
  for (const path of ["packages/dao-http/", "packages/dao-core/", "examples/", ""]) {
    const { dependencies, devDependencies } = JSON.parse(await readFile(`${repository}${path}package.json`, "utf8"));
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
      known.set(name, `${version}`);
  }
  const types = [...names].map((name) => `@types/${name}`).filter((name) => known.has(name));
  return [...names, ...types, "drizzle-orm", "zod", "@electric-sql/pglite"].map((name) => {
    const version = known.get(name);
    if (version === undefined) throw new Error(`A page imports ${name}, for which no package.json here has a version.`);
    return `${name}@${version}`;
  });
}
