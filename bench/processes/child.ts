import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { CommandMessage, CommandTable, ResponseMessage } from "./commands.ts";

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Flags for Node itself. */
  readonly nodeArgs?: readonly string[];
  /** Receives each line of standard error; default: it is inherited. */
  readonly onErrorLine?: (line: string) => void;
}

/** A Node process that handles commands (`handleCommands`). Its standard output is discarded. */
export class Child<Table extends CommandTable> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(response: unknown): void; reject(error: Error): void }>();
  /** Resolves to the exit code or the signal. */
  readonly ended: Promise<string>;
  #lastId = 0;

  constructor(file: string, { args = [], env = {}, nodeArgs = [], onErrorLine }: ChildOptions = {}) {
    this.#process = fork(file, args, {
      execArgv: [...nodeArgs],
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", onErrorLine === undefined ? "inherit" : "pipe", "ipc"],
    });
    this.#process.on("message", (message: ResponseMessage) => this.#settle(message));
    this.ended = once(this.#process, "exit").then(([code, signal]: (string | number | null)[]) => {
      const how = String(signal ?? code);
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended: ${how}`));
      return how;
    });
    if (onErrorLine !== undefined) {
      this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
        for (const line of text.split("\n")) if (line !== "") onErrorLine(line);
      });
    }
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  ask<Name extends keyof Table & string>(
    name: Name,
    request: Table[Name]["request"],
  ): Promise<Table[Name]["response"]> {
    const message: CommandMessage = { id: ++this.#lastId, name, request };
    return new Promise<Table[Name]["response"]>((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.#process.send(message);
    });
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.ended;
  }

  #settle({ id, response, error }: ResponseMessage): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(response);
    else waiting?.reject(new Error(error));
  }
}
