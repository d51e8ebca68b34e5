import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { defineConfig, type Options } from "tsup";
import { copyLicences } from "../../scripts/packages/built-in.ts";
import { buildExplore } from "./explore.config.ts";
import { buildGuide } from "./guide.config.ts";
import { docsFiles } from "./src/openapi/docs-assets.ts";

const require = createRequire(import.meta.url);

/**
 * The documentation pages are served from files of this package: it has no other packages at run time for them. With them
 * go the licences of all that is built in.
 */
async function copyDocsAssets(): Promise<void> {
  await mkdir("dist/docs", { recursive: true });
  for (const source of Object.values(docsFiles).filter((source) => !source.startsWith("./dist/"))) {
    await copyFile(source.startsWith("./") ? source : require.resolve(source), `dist/docs/${basename(source)}`);
  }
  await Promise.all([buildExplore(), buildGuide()]);
  for (const [licence, copy] of licences) await copyFile(require.resolve(licence), `dist/docs/${copy}`);
  await copyLicences(join(import.meta.dirname, "dist"));
}

const licences = [
  ["swagger-ui-dist/LICENSE", "swagger-ui.LICENSE.txt"],
  ["swagger-ui-dist/NOTICE", "swagger-ui.NOTICE.txt"],
  ["swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt", "swagger-ui-bundle.js.LICENSE.txt"],
  ["redoc/LICENSE", "redoc.LICENSE.txt"],
  ["./node_modules/preact/LICENSE", "preact.LICENSE.txt"],
  ["redoc/bundles/redoc.standalone.js.LICENSE.txt", "redoc.standalone.js.LICENSE.txt"],
] as const;

const common = {
  format: "esm",
  target: "node20",
  sourcemap: true,
  // What is built in is read from it, for NOTICE; the package leaves it out.
  metafile: true,
} satisfies Options;

export default defineConfig([
  {
    ...common,
    entry: ["src/index.ts", "src/client/index.ts", "src/opentelemetry/index.ts", "src/server.ts"],
    // The declarations need AsyncDisposable, which is in no `target` yet.
    dts: { banner: '/// <reference lib="esnext.disposable" />' },
    clean: ["!command/**"],
    onSuccess: copyDocsAssets,
  },
  {
    ...common,
    // One program: reading the 70 files of its packages is a sixth of a start.
    entry: { "flux-dao": "src/cli.ts" },
    outDir: "dist/command",
    noExternal: ["@flux/dao-core", "pino"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    clean: true,
    onSuccess: () => copyLicences(join(import.meta.dirname, "dist/command")),
  },
]);
