import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { succeed } from "./run.ts";

/** A Node.js to test the packages on. */
export interface NodeVersion {
  /** As requested: `20`, or `20.19.0`. */
  readonly asked: string;
  /** The path of its binary; `undefined` if it is not available. */
  readonly binary: string | undefined;
}

/**
 * This process's Node.js if it is the requested version, else one from the registry, installed into `folder`. If there is
 * none, it is reported on standard output, and the tests that need it are skipped.
 */
export async function findNode(asked: string, folder: string): Promise<NodeVersion> {
  const own = process.versions.node;
  if (own === asked || own.split(".")[0] === asked) return { asked, binary: process.execPath };
  const name = `node-${process.platform}-${process.arch}`;
  const cwd = join(folder, asked);
  try {
    await mkdir(cwd, { recursive: true });
    await succeed("npm", ["install", "--prefix", cwd, "--no-audit", "--no-fund", `${name}@${asked}`], { cwd });
    const binary = join(cwd, "node_modules", name, "bin", "node");
    await succeed(binary, ["--version"], { cwd });
    return { asked, binary };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stdout.write(
      `\nNOT TESTED on Node.js ${asked}: ${name}@${asked} could not be installed here.\n${reason}\n\n`,
    );
    return { asked, binary: undefined };
  }
}
