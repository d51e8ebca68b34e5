import { packageManager } from "../repository.ts";
import { read } from "../run.ts";
import { readPublishedPackages } from "./published-package.ts";

/** The path of the tarball, by package name. */
export type Tarballs = Readonly<Record<string, string>>;

/** Packs the built packages into a folder, as `npm publish` would. */
export async function packPackages(destination: string): Promise<Tarballs> {
  const pack = [...packageManager, "pack", "--json", "--pack-destination", destination] as const;
  const packed = (await readPublishedPackages()).map(async ({ folder, manifest }) => {
    const { filename }: { filename: string } = JSON.parse(await read(pack, { cwd: folder }));
    return [manifest.name, filename];
  });
  return Object.fromEntries(await Promise.all(packed));
}
