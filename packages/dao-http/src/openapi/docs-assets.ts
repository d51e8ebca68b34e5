import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import module from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The pages and their files, by path, with where each comes from: a file of another package, or of this one. `tsup.config.ts` copies
 * them to `dist/docs/`, and makes those that are there.
 */
export const docsFiles = {
  "/docs": "./src/openapi/pages/docs.html",
  "/docs/initialize.js": "./src/openapi/pages/docs.js",
  "/docs/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
  "/docs/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
  "/guide": "./dist/docs/guide.html",
  "/redoc": "./src/openapi/pages/redoc.html",
  "/redoc/initialize.js": "./src/openapi/pages/redoc.js",
  "/redoc/redoc.standalone.js": "redoc/bundles/redoc.standalone.js",
  "/explore": "./src/explore/explore.html",
  "/explore/explore.css": "./src/explore/explore.css",
  "/explore/explore.js": "./dist/docs/explore.js",
} as const;

// Redoc always loads its vendor's logo from their server. An empty image replaces it.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const emptyPicture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

// By paths, and by `module`: bundlers take `new URL("…", import.meta.url)` and `createRequire` for files to bundle.
const here = dirname(fileURLToPath(import.meta.url));
const { resolve } = module.createRequire(import.meta.url);

/** The text of a file, as it is served: of the build's copy beside the built code, or of the file itself when run from source. */
export async function readDocsFile(source: string): Promise<string> {
  const file = basename(source);
  // The command is in a folder of its own.
  const copy = [join(here, "docs", file), join(here, "../docs", file)].find(existsSync);
  const original = () => (source.startsWith("./") ? join(here, "../..", source) : resolve(source));
  return (await readFile(copy ?? original(), "utf8")).replaceAll(redocLogo, emptyPicture);
}
