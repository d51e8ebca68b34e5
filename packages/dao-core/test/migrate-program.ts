import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

/** `migrate-process.ts` as one file, because a process that compiles its source takes longer to start than to migrate. */
export class MigrateProgram implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<MigrateProgram> {
    const folder = await mkdtemp(join(tmpdir(), "flux-dao-migrate-"));
    await build({
      entry: { migrate: path("packages/dao-core/test/migrate-process.ts") },
      outDir: folder,
      tsconfig: path("tsconfig.json"),
      config: false,
      silent: true,
      format: "esm",
      platform: "node",
      target: "node20",
      noExternal: [/.*/],
      external: ["@electric-sql/pglite"],
      outExtension: () => ({ js: ".mjs" }),
      banner: { js: 'import { createRequire as here } from "node:module"; const require = here(import.meta.url);' },
    });
    return new MigrateProgram(folder);
  }

  /** Starts it; it says that it is ready, and waits to be told to go. */
  start(url: string): ChildProcess {
    return fork(join(this.#folder, "migrate.mjs"), [url], { execArgv: [] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
