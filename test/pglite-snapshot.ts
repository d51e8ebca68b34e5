import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";

const cache = fileURLToPath(new URL("../node_modules/.cache/flux-tests/", import.meta.url));

/** The file of an empty cluster, created once per version of PGlite: creating one takes 3 s of CPU time, loading it a fifth. */
export async function pgliteSnapshot(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const manifest: { version: string } = JSON.parse(await readFile(join(entry, "../../package.json"), "utf8"));
  const file = join(cache, `pglite-${manifest.version}.tar`);
  if (existsSync(file)) return file;
  const database = await PGlite.create();
  const dump = await database.dumpDataDir("none");
  await database.close();
  await mkdir(cache, { recursive: true });
  await writeFile(`${file}.${process.pid}`, Buffer.from(await dump.arrayBuffer()));
  await rename(`${file}.${process.pid}`, file);
  return file;
}
