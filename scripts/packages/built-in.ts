import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

interface Metafile {
  readonly outputs: Readonly<Record<string, { inputs: Readonly<Record<string, { bytesInOutput: number }>> }>>;
}

/** The innermost `…/node_modules/@scope/name/` of a path, and the package name in it. */
export function packageOf(path: string): { folder: string; name: string } | undefined {
  const match = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/)/.exec(path);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { folder: match[1], name: match[2] };
}

/**
 * The packages whose code the bundler has put into a package of ours, by name, with their folders: by its own record, and by
 * that of another package of ours that is built in.
 * @param dist the package's `dist/`, or a folder in it
 */
export async function builtIn(dist: string): Promise<ReadonlyMap<string, string>> {
  const folders = new Map<string, string>();
  const ours = new Set<string>();
  const home = dist.replace(/(\/packages\/[^/]+)\/.*$/, "$1");
  const files = (await readdir(dist, { recursive: true })).filter((file) => basename(file) === "metafile-esm.json");
  for (const file of files) {
    const { outputs }: Metafile = JSON.parse(await readFile(join(dist, file), "utf8"));
    for (const [input, { bytesInOutput }] of Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))) {
      const path = resolve(home, input);
      const found = packageOf(path);
      if (found !== undefined && bytesInOutput > 0) folders.set(found.name, found.folder);
      const other = /^(.*\/packages\/[^/]+\/dist)\//.exec(path)?.[1];
      if (other !== undefined) ours.add(other);
    }
  }
  for (const other of ours) for (const [name, folder] of await builtIn(other)) folders.set(name, folder);
  return folders;
}

/** Where a package of ours has the licence of one that is built in, within its `dist/`. */
export const licenceFile = (name: string) => `licences/${name.replaceAll("/", "+")}.LICENSE.txt`;

/** Copies the licences of what is {@link builtIn}. The packages of Drizzle and postgres.js have none: dao-core has copies. */
export async function copyLicences(built: string): Promise<void> {
  const dist = built.replace(/(\/packages\/[^/]+\/dist)\/.*$/, "$1");
  await mkdir(join(dist, "licences"), { recursive: true });
  for (const [name, folder] of await builtIn(built)) {
    const file = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    const own = join(dist, "../../dao-core", licenceFile(name));
    await copyFile(file === undefined ? own : join(folder, file), join(dist, licenceFile(name)));
  }
}
