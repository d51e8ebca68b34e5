/**
 * Writes the table of sizes in docs/packages.md: what an import adds to a bundle. With `--check` it writes nothing, and exits
 * with 1 if a size differs from the table by more than 5 %, or the rows differ. In both cases it exits with 1 if the errors
 * entry pulls in any other module.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { readPublishedPackages } from "./published-package.ts";

const page = fileURLToPath(new URL("../../docs/packages.md", import.meta.url));
const table = /(?<=<!-- sizes: written by `pnpm sizes` -->\n\n)[\s\S]*?(?=\n\n<!-- end of the sizes -->)/;
const TOLERANCE = 0.05;
/** Kilobytes by which a size may always differ: the table has one decimal, and a small module about a hundred lines. */
const SLACK = 0.1;
/** Kilobytes of the page `/explore`, compressed. */
const MOST_OF_EXPLORE = 60;

interface Bundle {
  /** Kilobytes, minified. */
  readonly minified: number;
  /** Kilobytes, minified and compressed. */
  readonly gzipped: number;
  /** The source files that contributed to the bundle. */
  readonly inputs: ReadonlySet<string>;
}

const packages = await readPublishedPackages();
const entries = packages.flatMap((published) => published.entries);
const peers = packages.flatMap(({ manifest }) => Object.keys(manifest.peerDependencies ?? {}));

/** The named imports to measure, for entries that users rarely import as a whole. */
const parts: readonly { readonly specifier: string; readonly names: string }[] = [
  { specifier: "@flux/dao-core", names: "NotFoundError" },
  { specifier: "@flux/dao-core", names: "taskDto" },
  { specifier: "@flux/dao-core", names: "DaoTaskService, openDatabase" },
  { specifier: "@flux/dao-core/contract", names: "isDaoError" },
];

/** Bundles for Node.js as a user would, with all dependencies except the peers, which the user has anyway. */
async function bundle(specifier: string, names: string): Promise<Bundle> {
  const entry = entries.find((candidate) => candidate.specifier === specifier);
  if (entry === undefined) throw new Error(`There is no entry ${specifier}.`);
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export ${names} from ${JSON.stringify(entry.module)};`, resolveDir: "." },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: peers.flatMap((peer) => [peer, `${peer}/*`]),
    metafile: true,
    write: false,
    logLevel: "error",
  });
  const text = outputFiles[0]?.contents ?? new Uint8Array();
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? file : [])),
  );
  return {
    minified: text.byteLength / 1000,
    gzipped: gzipSync(text, { level: 9 }).byteLength / 1000,
    inputs: new Set(inputs),
  };
}

interface Row {
  readonly what: string;
  readonly minified: number;
  readonly gzipped: number;
}

async function rows(): Promise<Row[]> {
  const whole = entries.map(async ({ specifier }) => ({
    what: `all of \`${specifier}\``,
    ...(await bundle(specifier, "*")),
  }));
  const some = parts.map(async ({ specifier, names }) => ({
    what: `\`${names.replaceAll(", ", "`, `")}\` of \`${specifier}\``,
    ...(await bundle(specifier, `{ ${names} }`)),
  }));
  return await Promise.all([...whole, ...some]);
}

const format = ({ what, minified, gzipped }: Row) => `| ${what} | ${minified.toFixed(1)} | ${gzipped.toFixed(1)} |`;

function parse(text: string): Row[] {
  return [...text.matchAll(/^\| (.*) \| ([\d.]+) \| ([\d.]+) \|$/gm)].map(([, what = "", minified, gzipped]) => ({
    what,
    minified: Number(minified),
    gzipped: Number(gzipped),
  }));
}

function complain(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}

const isOff = (now: number, recorded: number) => Math.abs(now - recorded) > Math.max(recorded * TOLERANCE, SLACK);

function compare(measured: readonly Row[], recorded: readonly Row[]): void {
  for (const row of measured) {
    const known = recorded.find(({ what }) => what === row.what);
    if (known === undefined) {
      complain(`docs/packages.md has no size for ${row.what}. Run 'pnpm sizes'.`);
    } else if (isOff(row.minified, known.minified) || isOff(row.gzipped, known.gzipped)) {
      complain(`${row.what} is now ${format(row)}, and was ${format(known)}. If that is meant, run 'pnpm sizes'.`);
    }
  }
  for (const { what } of recorded) {
    if (!measured.some((row) => row.what === what)) complain(`${what} no longer exists. Run 'pnpm sizes'.`);
  }
}

const measured = await rows();
const text = await readFile(page, "utf8");
const recorded = table.exec(text)?.[0];
if (recorded === undefined) throw new Error("docs/packages.md has no marker for the table of sizes.");
if (process.argv.includes("--check")) {
  compare(measured, parse(recorded));
} else {
  const head = ["| imported | kB, minified | kB, gzipped too |", "|---|---|---|"];
  await writeFile(
    page,
    text.replace(table, () => [...head, ...measured.map(format)].join("\n")),
  );
}

await checkErrorsAlone();
await checkExplore();

/** The page that shows the data, with all that it loads. */
async function checkExplore(): Promise<void> {
  const http = packages.find(({ manifest }) => manifest.name === "@flux/dao-http");
  const files = ["html", "css", "js"].map((kind) => join(http?.folder ?? "", "dist/docs", `explore.${kind}`));
  const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(file), { level: 9 }).byteLength));
  const kilobytes = sizes.reduce((sum, size) => sum + size, 0) / 1000;
  if (kilobytes > MOST_OF_EXPLORE) complain(`/explore is ${kilobytes.toFixed(1)} kB, and at most ${MOST_OF_EXPLORE}.`);
}

/** The errors entry must work alone: without zod, a driver or any other module. */
async function checkErrorsAlone(): Promise<void> {
  const core = packages.find(({ manifest }) => manifest.name === "@flux/dao-core");
  if (core === undefined) throw new Error("There is no @flux/dao-core.");
  // The package's own metafile is checked too: the bundle's inputs are files of `dist/`, each built from several sources.
  const built: { outputs: Record<string, { inputs: Record<string, unknown> }> } = JSON.parse(
    await readFile(join(core.folder, "dist", "metafile-esm.json"), "utf8"),
  );
  const { inputs } = await bundle("@flux/dao-core/errors", "*");
  const brought = [...inputs].flatMap((file) => {
    const output = built.outputs[relative(core.folder, file).replaceAll("\\", "/")];
    return output === undefined ? file : Object.keys(output.inputs);
  });
  const others = brought.filter((file) => file !== "src/contract/errors.ts");
  if (others.length > 0) complain(`@flux/dao-core/errors also bundles ${others.join(", ")}.`);
}
