import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const root = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

/** Programs that stand alone, each in one file of a folder of their own, which goes when they are disposed of. */
export interface Programs<Name extends string> extends AsyncDisposable {
  readonly file: (name: Name) => string;
}

/**
 * Compiles programs for plain Node, as they would be shipped: one that compiles its source at each start takes longer than
 * all that a test does with it, and what `tsx` adds to it would be measured too.
 *
 * @param sources paths from the root of the repository, by the names of the programs
 */
export async function compilePrograms<Name extends string>(
  sources: Readonly<Record<Name, string>>,
): Promise<Programs<Name>> {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-programs-"));
  await build({
    entry: Object.fromEntries(Object.entries<string>(sources).map(([name, source]) => [name, root(source)])),
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    tsconfig: root("tsconfig.json"),
    config: false,
    silent: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // Only the embedded database, which reads files of its package, is left out.
    noExternal: [/^(?!@electric-sql\/pglite)/],
    external: ["@electric-sql/pglite"],
    banner: { js: 'import { createRequire as here } from "node:module"; const require = here(import.meta.url);' },
  });
  return {
    file: (name) => join(folder, `${name}.mjs`),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
