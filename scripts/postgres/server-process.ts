import { spawn } from "node:child_process";
import { once } from "node:events";
import { identityOf, type ServerAccount } from "./server-account.ts";

/** PostgreSQL's fast shutdown, its immediate shutdown, then SIGKILL. */
const SIGNALS = ["SIGINT", "SIGQUIT", "SIGKILL"] as const;
/** Milliseconds before each stronger signal. */
const PATIENCE = 15_000;
const KEPT_CHARACTERS = 8_000;

/** A running initdb or postgres. */
export class ServerProcess {
  readonly #child;
  /** Its exit code, or the signal's name, as text. */
  readonly exited: Promise<string>;
  /** The end of its output. */
  log = "";

  /** Starts a program, and stops it when `stopping` aborts. */
  constructor(command: string, args: readonly string[], account: ServerAccount | undefined, stopping: AbortSignal) {
    // A minimal environment: the caller's PGDATA, PGOPTIONS or LD_LIBRARY_PATH must not affect the server. UTC as in Docker.
    const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC", TEMP: process.env["TEMP"] };
    this.#child = spawn(command, args, { cwd: "/", env, ...identityOf(account), stdio: "pipe" });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.log = (this.log + text).slice(-KEPT_CHARACTERS);
        this.#child.emit("log");
      });
    }
    this.exited = once(this.#child, "close").then(([code, signal]) => String(signal ?? code));
    this.exited.catch(() => undefined);
    stopping.addEventListener("abort", () => this.end());
    if (stopping.aborted) this.end();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Resolves when the server accepts connections, or with the reason why it does not: it ended, or was not ready within a
   * minute.
   */
  async failure(): Promise<string | undefined> {
    const late = AbortSignal.timeout(60_000);
    const ready = async () => {
      while (!/ready to accept (read-only )?connections/.test(this.log)) {
        await once(this.#child, "log", { signal: late });
      }
      return undefined;
    };
    const ended = this.exited.then((exit) => `it ended: ${exit}`);
    return Promise.race([ready().catch(() => "it was not ready within a minute"), ended]);
  }

  end(step = 0): void {
    const signal = SIGNALS[step];
    if (signal === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill(signal);
    setTimeout(() => this.end(step + 1), PATIENCE).unref();
  }
}
