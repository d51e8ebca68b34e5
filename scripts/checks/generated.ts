/** Runs `pnpm generate`, and exits with 1 if that changes a file: a generated file was out of date. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { repository } from "../repository.ts";
import { run } from "../run.ts";

/** The text of each generated file: the migrations and all `.gen.ts` files. */
async function readGenerated(): Promise<ReadonlyMap<string, string>> {
  const folders = ["drizzle", ...(await readdir(join(repository, "packages"))).map((name) => `packages/${name}/src`)];
  const texts = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of await readdir(join(repository, folder), { recursive: true, withFileTypes: true })) {
      const isGenerated = entry.isFile() && (folder === "drizzle" || entry.name.endsWith(".gen.ts"));
      const path = join(entry.parentPath, entry.name);
      if (isGenerated) texts.set(path.slice(repository.length), await readFile(path, "utf8"));
    }
  }
  return texts;
}

const before = await readGenerated();
await run(["pnpm", "generate"]);
const after = await readGenerated();
const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
  (path) => before.get(path) !== after.get(path),
);
if (changed.length > 0) {
  process.stderr.write(`Out of date, now regenerated: ${changed.join(", ")}. Commit the output of 'pnpm generate'.\n`);
  process.exitCode = 1;
}
