import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const packagesFolder = new URL("../../packages/", import.meta.url);

/** An entry of a package's `exports`. */
export interface PackageEntry {
  /** The import specifier, such as `@flux/dao-core/errors`. */
  readonly specifier: string;
  /** Absolute paths of the built files. */
  readonly declarations: string;
  readonly module: string;
}

/** The fields of a package.json that the checks read. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package of this repository that is published. */
export interface PublishedPackage {
  /** Absolute, with a trailing slash. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** In the order of `exports`, without `./package.json`. */
  readonly entries: readonly PackageEntry[];
}

/** All published packages, by name. */
export async function readPublishedPackages(): Promise<PublishedPackage[]> {
  const names = (await readdir(packagesFolder)).toSorted();
  const packages = await Promise.all(names.map((name) => readPackage(new URL(`${name}/`, packagesFolder))));
  return packages.filter(({ manifest }) => manifest.private !== true);
}

async function readPackage(folder: URL): Promise<PublishedPackage> {
  const manifest: Manifest = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
  const entries = Object.entries(manifest.exports).flatMap(([key, target]) =>
    typeof target === "string"
      ? []
      : {
          specifier: `${manifest.name}${key.slice(1)}`,
          declarations: fileURLToPath(new URL(target.types, folder)),
          module: fileURLToPath(new URL(target.default, folder)),
        },
  );
  return { folder: fileURLToPath(folder), manifest, entries };
}
