import { spawn } from "node:child_process";
import { once } from "node:events";
import { SERVICE_FILE } from "../processes/compile.ts";

/** The key with which the bench calls the service. */
export const SERVICE_KEY = "a-key-of-the-bench";

/** The service, run by the shipped command without anything preloaded that would affect the figures. */
export interface Service {
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from the start of the process until it reported that it serves. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Starts it in production mode with these settings besides the bench's own. */
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
  const output: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.push(text);
      const match = /\bat http:\/\/127\.0\.0\.1:(\d+)/.exec(output.join(""));
      if (match !== null) resolve(Number(match[1]));
    });
    ended.then(([code]) => reject(new Error(`The service ended (${code}): ${output.join("")}`)), reject);
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
