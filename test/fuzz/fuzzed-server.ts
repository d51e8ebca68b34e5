import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createTestDatabase } from "@flux/dao-core/testing";
import type { Memory } from "./served-process.ts";

const KEY = "fuzz-key-0123456789";

/** The service under test: a process, and a database of its own. */
export interface FuzzedServer extends AsyncDisposable {
  readonly baseUrl: string;
  /** A service key that it accepts. */
  readonly key: string;
  /** Its memory after a full garbage collection. */
  memory(): Promise<Memory>;
  /** Log lines of failed requests, and standard error; empty if there are none. */
  complaints(): string;
  /** How it ended, if it was not stopped. */
  end(): string | undefined;
}

/** Starts the service from its source, on a new database on the server at `adminUrl`. */
export async function startFuzzedServer(adminUrl: string): Promise<FuzzedServer> {
  const database = await createTestDatabase({ serverUrl: adminUrl, poolSize: 1, changes: true });
  const child = spawn(process.execPath, ["--expose-gc", "--import", "tsx", path("served-process.ts")], {
    cwd: path("../.."),
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      DATABASE_URL: database.url,
      SERVICE_API_KEYS: JSON.stringify({ fuzz: KEY }),
      LOG_LEVEL: "error",
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let complaints = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
  }
  const stop = async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await database.drop();
  };
  try {
    const baseUrl = await startOf(child, () => complaints);
    return {
      baseUrl,
      key: KEY,
      memory: async () => {
        child.send("heap");
        const [memory] = await once(child, "message");
        return memory as Memory;
      },
      complaints: () => complaints,
      end: () => (child.exitCode ?? child.signalCode)?.toString(),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOf(child: ChildProcess, output: () => string): Promise<string> {
  const ended = once(child, "exit").then(() => {
    throw new Error(`The service exited before it was ready:\n${output()}`);
  });
  const [{ url }] = await Promise.race([once(child, "message"), ended]);
  ended.catch(() => undefined);
  return url;
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
