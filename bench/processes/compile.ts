import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "tsup";

const root = new URL("../../", import.meta.url);
const output = new URL("node_modules/.cache/flux-bench/", root);

/** The packages as shipped, which replace `@flux/…` in a compiled program. */
const shipped: Readonly<Record<string, string>> = {
  "@flux/dao-core": "packages/dao-core/dist/index.js",
  "@flux/dao-http": "packages/dao-http/dist/index.js",
};

/** The URL of the library, as shipped. */
export const SHIPPED_CORE = new URL("packages/dao-core/dist/index.js", root).href;

/** The file of the command that serves the REST API, as shipped. */
export const SERVICE_FILE = fileURLToPath(new URL("packages/dao-http/dist/command/flux-dao.js", root));

/**
 * Compiles programs of the bench for plain Node, and builds the packages whose build is older than their sources. Running
 * them through `tsx` would slow them down, and some contenders more than others.
 *
 * @param programs paths within `bench/`, without the extension: `in-process/worker`
 * @returns the file of a program
 */
export async function compile<Program extends string>(
  programs: readonly Program[],
): Promise<Readonly<Record<Program, string>>> {
  buildStalePackages();
  await build({
    entry: Object.fromEntries(
      programs.map((program) => [program, fileURLToPath(new URL(`bench/${program}.ts`, root))]),
    ),
    outDir: fileURLToPath(output),
    config: false,
    format: "esm",
    target: "node20",
    platform: "node",
    // Libraries run as installed.
    external: [/^(?!@flux\/)[@a-z]/],
    sourcemap: true,
    silent: true,
    clean: true,
    esbuildPlugins: [
      {
        name: "shipped-packages",
        setup: ({ onResolve }) => {
          onResolve({ filter: /^@flux\// }, ({ path }) => {
            const file = shipped[path];
            if (file === undefined) throw new Error(`${path} is not one of the packages that the bench knows.`);
            return { path: pathToFileURL(fileURLToPath(new URL(file, root))).href, external: true };
          });
        },
      },
    ],
  });
  const files = programs.map((program) => [program, fileURLToPath(new URL(`${program}.js`, output))]);
  return Object.fromEntries(files) as Record<Program, string>;
}

function buildStalePackages(): void {
  for (const name of ["dao-core", "dao-http"]) {
    const folder = new URL(`packages/${name}/`, root);
    const source = newest(new URL("src/", folder));
    const built = statSync(new URL("dist/index.js", folder), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (source <= built) continue;
    console.log(`Building ${name} …`);
    execFileSync("pnpm", ["run", "build"], { cwd: fileURLToPath(folder), stdio: ["ignore", "ignore", "inherit"] });
  }
}

/** When the newest file in the folder was modified. */
function newest(folder: URL): number {
  let time = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) time = Math.max(time, statSync(`${entry.parentPath}/${entry.name}`).mtimeMs);
  }
  return time;
}
