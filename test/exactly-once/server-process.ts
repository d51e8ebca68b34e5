import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { compilePrograms, type Programs } from "../programs.ts";
import type { KillOrder, Started } from "./killed-server.ts";

/** `killed-server.ts`, compiled. */
export type ServerProgram = Programs<"server">;

export function compileServer(): Promise<ServerProgram> {
  return compilePrograms({ server: "test/exactly-once/killed-server.ts" });
}

/** A service that can be killed on command. */
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

  static async start(program: ServerProgram, databaseUrl: string): Promise<ServerProcess> {
    const child = fork(program.file("server"), { env: { DATABASE_URL: databaseUrl }, execArgv: [], stdio: "inherit" });
    const exited = once(child, "exit").then(() => child.signalCode ?? child.exitCode);
    const failed = exited.then((exit) =>
      Promise.reject(new Error(`The server exited with ${exit} before it was ready.`)),
    );
    const [message] = await Promise.race([once(child, "message"), failed]);
    failed.catch(() => undefined);
    return new ServerProcess(child, exited, (message as Started).url);
  }

  /** Resolves when the server has acknowledged the order. */
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
