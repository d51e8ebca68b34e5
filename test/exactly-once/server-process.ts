import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import type { KillOrder, Started } from "./killed-server.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** The program of {@link ServerProcess} in one file: to compile its source at each start would take longer than a kill. */
export interface ServerProgram extends AsyncDisposable {
  readonly file: string;
}

export async function buildServer(): Promise<ServerProgram> {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-killed-"));
  await build({
    entry: { server: path("./killed-server.ts") },
    outDir: folder,
    tsconfig: path("../../tsconfig.json"),
    config: false,
    silent: true,
    format: "esm",
    platform: "node",
    target: "node20",
    noExternal: [/.*/],
    external: ["@electric-sql/pglite"],
    banner: { js: 'import { createRequire as here } from "node:module"; const require = here(import.meta.url);' },
  });
  const file = join(folder, "server.js");
  return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** A service that can be told when to die. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  /** The signal that ended it, or its exit code. */
  readonly exited: Promise<NodeJS.Signals | number | null>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, exited: ServerProcess["exited"], url: string) {
    this.#child = child;
    this.exited = exited;
    this.url = url;
  }

  static async start({ file }: ServerProgram, databaseUrl: string): Promise<ServerProcess> {
    const child = fork(file, { env: { DATABASE_URL: databaseUrl }, execArgv: [], stdio: "inherit" });
    const exited = once(child, "exit").then(() => child.signalCode ?? child.exitCode);
    const failed = exited.then((exit) => Promise.reject(new Error(`The server ended with ${exit} before it served.`)));
    const [message] = await Promise.race([once(child, "message"), failed]);
    failed.catch(() => undefined);
    return new ServerProcess(child, exited, (message as Started).url);
  }

  /** Resolves when the order stands. */
  async order(order: KillOrder): Promise<void> {
    const heard = once(this.#child, "message");
    this.#child.send(order);
    await heard;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}
