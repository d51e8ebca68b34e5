/**
 * Writes each package's NOTICE: the packages whose code is bundled into it, and where their licences are. It reads the
 * bundler's output, so that nothing bundled can be missing. With `--check` it writes nothing, and exits with 1 if a NOTICE
 * differs.
 */
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { docsFiles } from "../../packages/dao-http/src/openapi/docs-assets.ts";
import { builtIn, licenceFile, packageOf } from "./built-in.ts";
import { type PublishedPackage, readPublishedPackages } from "./published-package.ts";
import { writeOrCheck } from "./recorded-text.ts";

const byName = (a: string, b: string) => (a < b ? -1 : 1);

async function readJson<Content>(file: string): Promise<Content> {
  return JSON.parse(await readFile(file, "utf8"));
}

/** "name version (licence)" of the package in a folder. */
async function titleOf(folder: string): Promise<string> {
  const manifest: { name: string; version: string; license: string } = await readJson(join(folder, "package.json"));
  return `${manifest.name} ${manifest.version} (${manifest.license})`;
}

/** A file of the package's `dist/`, as NOTICE names it. @throws Error if the build has not copied it there */
async function inDist({ folder, manifest }: PublishedPackage, file: string): Promise<string> {
  await stat(join(folder, "dist", file)).catch((cause: unknown) => {
    throw new Error(`${manifest.name} needs dist/${file}: let its tsup.config.ts copy it, and build.`, { cause });
  });
  return `dist/${file}`;
}

async function linesOfBuiltIn(published: PublishedPackage): Promise<string[]> {
  const names = [...(await builtIn(join(published.folder, "dist")))].toSorted(([a], [b]) => byName(a, b));
  if (names.length === 0) throw new Error(`${published.manifest.name} is not built: run 'pnpm build'.`);
  return await Promise.all(
    names.map(async ([name, folder]) => `${await titleOf(folder)}: ${await inDist(published, licenceFile(name))}`),
  );
}

/** The packages whose code another package's bundle contains, by its source map. */
async function namesIn(bundle: string): Promise<string[]> {
  const { sources }: { sources: readonly string[] } = await readJson(`${bundle}.map`);
  return sources.flatMap((source) => packageOf(source)?.name ?? []);
}

/** The packages that the documentation pages are made of. */
async function pages(published: PublishedPackage): Promise<string[]> {
  const { resolve: locate } = createRequire(join(published.folder, "package.json"));
  const sources = Object.values(docsFiles).filter((source) => !source.startsWith("./"));
  const makerOf = (source: string) => source.split("/")[0] ?? source;
  const parts: string[] = [];
  for (const maker of new Set(sources.map(makerOf))) {
    const own = sources.filter((source) => makerOf(source) === maker);
    const folder = packageOf(locate(`${maker}/package.json`))?.folder ?? "";
    const names = (await Promise.all(own.map((source) => namesIn(locate(source))))).flat();
    const files = await Promise.all(own.map((source) => inDist(published, `docs/${basename(source)}`)));
    const shortName = maker.replace(/-dist$/, "");
    const licence = await inDist(published, `docs/${shortName}.LICENSE.txt`);
    const scripts = own.filter((source) => source.endsWith(".js")).map((source) => basename(source));
    const carried = await Promise.all(scripts.map((file) => inDist(published, `docs/${file}.LICENSE.txt`)));
    const notice = await readFile(join(folder, "NOTICE"), "utf8").catch(() => "");
    parts.push(
      [
        `${await titleOf(folder)}: ${licence}`,
        ...notice.split("\n").flatMap((line) => (line === "" ? [] : `  ${line}`)),
        `  In ${files.join(", ")}.`,
        `  Its bundle holds code of these packages, whose notices, as far as it carries them, are in ${carried.join(", ")}:`,
        ...[...new Set(names)].toSorted(byName).map((name) => `    ${name}`),
      ].join("\n"),
    );
  }
  const preact = packageOf(locate("preact/package.json"))?.folder ?? "";
  const licence = await inDist(published, "docs/preact.LICENSE.txt");
  parts.push(`${await titleOf(preact)}: ${licence}\n  In ${await inDist(published, "docs/explore.js")}.`);
  return parts;
}

async function noticeOf(published: PublishedPackage): Promise<string> {
  const { name } = published.manifest;
  const parts = [
    `${name}\nCopyright (c) 2026 Flux. MIT licence, in LICENSE.`,
    "This package holds code of others, under their own licences, which are in the files named here.",
    (await linesOfBuiltIn(published)).join("\n"),
  ];
  if (name === "@flux/dao-http") parts.push("The documentation pages:", ...(await pages(published)));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const packages = await readPublishedPackages();
const notices = packages.map(async (published) => ({
  file: join(published.folder, "NOTICE"),
  text: await noticeOf(published),
}));
await writeOrCheck(await Promise.all(notices), "pnpm notice");
