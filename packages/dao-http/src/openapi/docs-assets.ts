import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** A file of the documentation pages, from a package that the build copies it out of. */
export interface DocsAsset {
  /** Where the app serves it. */
  readonly path: `/docs/${string}` | `/redoc/${string}`;
  /** The file, and so its name in `dist/docs/`. */
  readonly file: string;
  /** Its package and its folder there. */
  readonly source: string;
  readonly contentType: string;
  /** Changes the text before it is served. */
  readonly edit?: (text: string) => string;
}

const javascript = "text/javascript; charset=utf-8";

// Redoc shows its maker's logo from a server of theirs, and has no option against it. An empty picture takes its place.
const redocLogo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const emptyPicture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

/** All files that the pages need. `tsup.config.ts` copies them, so that the published package has them. */
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

/** The file's path: the build's copy beside the built code; run from source, the file in its package. */
function locate({ file, source }: DocsAsset): string | URL {
  const copy = new URL(file, copies);
  return existsSync(copy) ? copy : require.resolve(`${source}/${file}`);
}

const loaded = new Map<DocsAsset, Promise<Uint8Array<ArrayBuffer>>>();

/** What is served. Read once: all answers share the bytes, however many are being sent. */
export function readAsset(asset: DocsAsset): Promise<Uint8Array<ArrayBuffer>> {
  const known = loaded.get(asset);
  if (known !== undefined) return known;
  const bytes = load(asset);
  loaded.set(asset, bytes);
  // What went wrong once may go well the next time.
  bytes.catch(() => loaded.delete(asset));
  return bytes;
}

async function load(asset: DocsAsset): Promise<Uint8Array<ArrayBuffer>> {
  const text = await readFile(locate(asset), "utf8");
  return Buffer.from(asset.edit === undefined ? text : asset.edit(text));
}
