import { Child } from "../processes/child.ts";
import { SERVICE_FILE } from "../processes/compile.ts";
import type { UsageCommands } from "../processes/report-usage.ts";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  readonly process: Child<UsageCommands>;
}

/** The key with which the bench calls our service. */
export const SERVICE_KEY = "a-key-of-the-bench";

/** Our service, run by the shipped command with its defaults: keys, validation, log. */
export function startOurServer(databaseUrl: string, reportUsage: string): Promise<ServerProcess> {
  const env = {
    DATABASE_URL: databaseUrl,
    SERVICE_API_KEYS: JSON.stringify({ bench: SERVICE_KEY }),
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "info",
    DB_POOL_SIZE: "10",
    NODE_ENV: "production",
  };
  return start(SERVICE_FILE, ["serve"], env, reportUsage);
}

/** A program of the bench that serves the same API. */
export function startOtherServer(file: string, databaseUrl: string, reportUsage: string): Promise<ServerProcess> {
  return start(file, [databaseUrl, SERVICE_KEY], { NODE_ENV: "production" }, reportUsage);
}

function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  reportUsage: string,
): Promise<ServerProcess> {
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    const process = new Child<UsageCommands>(file, {
      args,
      env,
      nodeArgs: ["--import", reportUsage],
      onErrorLine: (line) => {
        output.push(line);
        const port = /Port (\d+)|127\.0\.0\.1:(\d+)/.exec(line);
        if (port !== null) resolve({ port: Number(port[1] ?? port[2]), process });
      },
    });
    process.ended.then((how) => reject(new Error(`The server ended (${how}): ${output.join("\n")}`)));
  });
}
