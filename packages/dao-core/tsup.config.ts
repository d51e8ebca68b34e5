import { join } from "node:path";
import { defineConfig, type Options } from "tsup";
import { copyLicences } from "../../scripts/packages/built-in.ts";

// What is built in is read from the metafile, for NOTICE; the package leaves it out.
const common = { format: "esm", target: "node20", sourcemap: true, metafile: true } satisfies Options;

const entries = {
  index: "src/index.ts",
  "contract/index": "src/contract/index.ts",
  "contract/errors": "src/contract/errors.ts",
  "database-url": "src/connection-string/database-url.ts",
  "opentelemetry/index": "src/opentelemetry/index.ts",
  "testing/index": "src/testing/index.ts",
};
const schemaEntry = "src/schema/index.ts";

export default defineConfig([
  {
    ...common,
    entry: entries,
    // What of them is used, in a few files: as packages they are over 200, and reading those is two thirds of an import.
    noExternal: ["drizzle-orm", "uuid", "zod"],
    // The declarations need AsyncDisposable, which is in no `target` yet.
    dts: { entry: { ...entries, "schema/index": schemaEntry }, banner: '/// <reference lib="esnext.disposable" />' },
    clean: ["!schema/**"],
    onSuccess: () => copyLicences(join(import.meta.dirname, "dist")),
  },
  {
    ...common,
    // A host joins these tables with its own, so they are made by its Drizzle.
    entry: { index: schemaEntry },
    outDir: "dist/schema",
    clean: true,
  },
]);
