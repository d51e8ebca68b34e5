import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { docsFiles } from "../packages/dao-http/src/openapi/docs-assets.ts";
import { errorCode } from "./postgres/error-code.ts";

const packages = fileURLToPath(new URL("../packages/", import.meta.url));

/**
 * Builds the packages whose `dist/` is missing or older than their sources. Declarations are not rebuilt: they take long, and
 * the service does not need them. No file is removed, so that a process which runs an older build is not interrupted.
 *
 * @throws Error when a build fails, or the signal's reason when it is aborted; no child process is left running
 */
export async function buildPackages(signal: AbortSignal): Promise<void> {
  const docs = Object.values(docsFiles).map((source) => `dist/docs/${basename(source)}`);
  await build("dao-core", [], signal);
  // Its command has dao-core built in.
  await build("dao-http", docs, signal);
  signal.throwIfAborted();
}

async function build(name: string, assets: readonly string[], signal: AbortSignal): Promise<void> {
  const folder = join(packages, name);
  if (await isFresh(folder, assets)) return;
  const tsup = createRequire(import.meta.url).resolve("tsup/dist/cli-default.js");
  const child = spawn(process.execPath, [tsup, "--silent", "--no-dts", "--no-clean"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const onAbort = () => child.kill();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const [code] = await once(child, "close");
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`The build of ${name} failed.`);
}

/** Whether every exported file exists and is newer than the sources. */
async function isFresh(folder: string, assets: readonly string[]): Promise<boolean> {
  const manifest: { exports: Record<string, string | { default: string }> } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  );
  const outputs = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [] : target.default,
  );
  const sources = (await readdir(join(folder, "src"), { recursive: true })).map((path) => join("src", path));
  try {
    // Copied files keep their original modification time, so only their existence is checked.
    await Promise.all(assets.map((asset) => stat(join(folder, asset))));
    const written = Math.min(...(await times(folder, outputs)));
    return written > Math.max(...(await times(folder, [...sources, "package.json", "tsup.config.ts"])));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function times(folder: string, paths: readonly string[]): Promise<number[]> {
  return await Promise.all(paths.map(async (path) => (await stat(join(folder, path))).mtimeMs));
}
