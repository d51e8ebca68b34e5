import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Bundles the page `/explore` into one script for browsers, in `dist/docs/`. */
export async function buildExplore(): Promise<void> {
  await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: ["src/explore/main.tsx"],
    outfile: "dist/docs/explore.js",
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    tsconfig: "src/explore/tsconfig.json",
  });
}
