import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** A file of the documentation pages, copied from a package by the build. */
export interface DocsAsset {
  /** Where the app serves it. */
  readonly path: `/docs/${string}` | `/redoc/${string}`;
  /** The file's name, also in `dist/docs/`. */
  readonly file: string;
  /** Its package and its folder there. */
  readonly source: string;
  readonly contentType: string;
  /** Edits the text before it is served. */
  readonly edit?: (text: string) => string;
}

const javascript = "text/javascript; charset=utf-8";

// Redoc loads its vendor's logo from their server, and has no option against it. An empty image replaces it.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const emptyPicture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

/** All files that the pages need. `tsup.config.ts` copies them into the published package. */
export const docsAssets: readonly DocsAsset[] = [
  {
    path: "/docs/swagger-ui.css",
    file: "swagger-ui.css",
    source: "swagger-ui-dist",
    contentType: "text/css; charset=utf-8",
  },
  {
    path: "/docs/swagger-ui-bundle.js",
    file: "swagger-ui-bundle.js",
    source: "swagger-ui-dist",
    contentType: javascript,
  },
  {
    path: "/redoc/redoc.standalone.js",
    file: "redoc.standalone.js",
    source: "redoc/bundles",
    contentType: javascript,
    edit: (text) => text.replaceAll(redocLogo, emptyPicture),
  },
];

const copies = new URL("./docs/", import.meta.url);
const require = createRequire(import.meta.url);

/** The file's path: the build's copy beside the built code, or the file in its package when run from source. */
function locate({ file, source }: DocsAsset): string | URL {
  const copy = new URL(file, copies);
  return existsSync(copy) ? copy : require.resolve(`${source}/${file}`);
}

/** The file's text, as it is served. */
export async function readAsset(asset: DocsAsset): Promise<string> {
  const text = await readFile(locate(asset), "utf8");
  return asset.edit === undefined ? text : asset.edit(text);
}
