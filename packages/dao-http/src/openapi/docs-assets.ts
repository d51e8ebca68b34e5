import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

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

// Redoc always loads its vendor's logo from their server. An empty image replaces it.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const emptyPicture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

const copies = new URL("./docs/", import.meta.url);
const require = createRequire(import.meta.url);

/** The file's text, as it is served: of the build's copy beside the built code, or of its package when run from source. */
export async function readAsset({ file, source }: DocsAsset): Promise<string> {
  const copy = new URL(file, copies);
  const text = await readFile(existsSync(copy) ? copy : require.resolve(`${source}/${file}`), "utf8");
  return text.replaceAll(redocLogo, emptyPicture);
}
