/** `@electric-sql/pglite` for tests: a database in memory starts from the run's snapshot of an empty cluster, without initdb. */
import { readFile } from "node:fs/promises";
import { PGlite as Original } from "../node_modules/@electric-sql/pglite/dist/index.js";

export * from "../node_modules/@electric-sql/pglite/dist/index.js";

const file = process.env["FLUX_TEST_PGLITE"];
let snapshot: Promise<File> | undefined;

async function loadSnapshot(path: string): Promise<File> {
  return new File([await readFile(path)], "pglite.tar", { type: "application/x-tar" });
}

/** Only `create()`, without the constructor: the tests use nothing else. A folder is opened as usual. */
export const PGlite = {
  async create(options: { readonly dataDir?: string } = {}) {
    if (options.dataDir !== undefined || file === undefined) return Original.create(options);
    snapshot ??= loadSnapshot(file);
    return Original.create({ ...options, loadDataDir: await snapshot });
  },
};
