import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A file of the documentation pages, copied from a package by the build. */
export interface DocsAsset {
  /** The page that it belongs to, below which the app serves it. */
  readonly page: "docs" | "redoc";
  /** The file's name, also in `dist/docs/`. */
  readonly file: string;
  /** Its package and its folder there. */
  readonly source: string;
}

/** All files that the pages need. `tsup.config.ts` copies them into the published package. */
export const docsAssets: readonly DocsAsset[] = [
  { page: "docs", file: "swagger-ui.css", source: "swagger-ui-dist" },
  { page: "docs", file: "swagger-ui-bundle.js", source: "swagger-ui-dist" },
  { page: "redoc", file: "redoc.standalone.js", source: "redoc/bundles" },
];

/** The files of the pages themselves, by their folders in `src/`; the build copies them too. */
export const pageFiles = [
  { folder: "openapi/pages", name: "docs.html" },
  { folder: "openapi/pages", name: "docs.js" },
  { folder: "openapi/pages", name: "redoc.html" },
  { folder: "openapi/pages", name: "redoc.js" },
  { folder: "explore", name: "explore.html" },
  { folder: "explore", name: "explore.css" },
];

/** The script of `/explore`, which the build bundles. */
export const EXPLORE_SCRIPT = "explore.js";

// Redoc always loads its vendor's logo from their server. An empty image replaces it.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const emptyPicture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

// By paths, and by `module`: bundlers take `new URL("…", import.meta.url)` and `createRequire` for files to bundle.
const here = dirname(fileURLToPath(import.meta.url));
const { resolve } = module.createRequire(import.meta.url);

/** The text of a file of a package, as it is served: of the build's copy beside the built code, or of its package when run from source. */
export async function readAsset({ file, source }: DocsAsset): Promise<string> {
  return (await read(file, () => resolve(`${source}/${file}`))).replaceAll(redocLogo, emptyPicture);
}

/** The text of a page's file. From source too the script of `/explore` is what was built last. */
export function readPage(file: string): Promise<string> {
  const folder = pageFiles.find(({ name }) => name === file)?.folder;
  const original = folder === undefined ? `../../dist/docs/${file}` : `../${folder}/${file}`;
  return read(file, () => join(here, original));
}

function read(file: string, original: () => string): Promise<string> {
  // The command is in a folder of its own.
  const copy = [join(here, "docs", file), join(here, "../docs", file)].find(existsSync);
  return readFile(copy ?? original(), "utf8");
}
