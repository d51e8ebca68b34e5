import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

/** Standalone programs, each in one file. They are deleted when disposed of, or at the end of a test run. */
export interface Programs<Name extends string> extends AsyncDisposable {
  readonly file: (name: Name) => string;
}

/** Those of this process, by their sources. */
const compiled = new Map<string, Promise<string>>();

/**
 * Compiles programs for plain Node, as they would be shipped: compiling the source at each start takes longer than everything a
 * test does with it, and the overhead of `tsx` would be measured too.
 *
 * @param sources paths from the root of the repository, by the names of the programs
 * @param replacements files in place of modules whose paths end so
 */
export async function compilePrograms<Name extends string>(
  sources: Readonly<Record<Name, string>>,
  replacements: Readonly<Record<string, string>> = {},
): Promise<Programs<Name>> {
  const ofRun = process.env["FLUX_TEST_PROGRAMS"];
  const key = JSON.stringify([sources, replacements]);
  const compiling =
    (ofRun === undefined ? undefined : compiled.get(key)) ?? compile(ofRun ?? tmpdir(), sources, replacements);
  if (ofRun !== undefined) compiled.set(key, compiling);
  const folder = await compiling;
  return {
    file: (name) => join(folder, `${name}.mjs`),
    [Symbol.asyncDispose]: async () => {
      if (ofRun === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function compile(
  parent: string,
  sources: Readonly<Record<string, string>>,
  replacements: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(join(parent, "flux-dao-programs-"));
  await build({
    entryPoints: Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, root(source)])),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    tsconfig: root("tsconfig.json"),
    logLevel: "warning",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // Only the embedded database, which reads files of its package, is not bundled.
    external: ["@electric-sql/pglite"],
    plugins: [replacing(replacements)],
    banner: {
      js: 'import { createRequire as requireOfProgram } from "node:module"; const require = requireOfProgram(import.meta.url);',
    },
  });
  return folder;
}

function replacing(replacements: Readonly<Record<string, string>>): Plugin {
  return {
    name: "replacing",
    setup(building) {
      for (const [end, path] of Object.entries(replacements)) {
        building.onResolve({ filter: new RegExp(`${end.replaceAll(".", "\\.")}$`) }, () => ({ path }));
      }
    },
  };
}
