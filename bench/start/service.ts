import { spawn } from "node:child_process";
import { once } from "node:events";
import { SERVICE_FILE } from "../processes/compile.ts";

/** The key with which the bench calls the service. */
export const SERVICE_KEY = "a-key-of-the-bench";

/** The service by its command, as it is shipped, with nothing loaded into it that would be measured too. */
export interface Service {
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from the start of the process until it said that it serves. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Starts it in production with these settings beside the bench's own. */
export async function startService(settings: Readonly<Record<string, string>>): Promise<Service> {
  const begun = performance.now();
  const child = spawn(process.execPath, [SERVICE_FILE, "serve"], {
    env: {
      PATH: process.env["PATH"],
      SERVICE_API_KEYS: JSON.stringify({ bench: SERVICE_KEY }),
      PORT: "0",
      NODE_ENV: "production",
      ...settings,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const said: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.push(text);
      const match = /\bat http:\/\/127\.0\.0\.1:(\d+)/.exec(said.join(""));
      if (match !== null) resolve(Number(match[1]));
    });
    ended.then(([code]) => reject(new Error(`The service ended (${code}): ${said.join("")}`)), reject);
  });
  const startMs = performance.now() - begun;
  return {
    port,
    pid: child.pid ?? -1,
    startMs,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
