import { spawn } from "node:child_process";
import { once } from "node:events";
import { waitUntilReady } from "../../scripts/pipeline/wait-until-ready.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { KEYS } from "../rest/server.ts";

/** A service, as both sides of a comparison are called. */
export interface Service {
  readonly url: string;
}

/**
 * Starts the Python service from a copy of it, with Python and its libraries: a command that reads DATABASE_URL and
 * SERVICE_API_KEYS, and listens on 127.0.0.1 at $PORT.
 */
export const command = process.env["PYTHON_SERVICE_COMMAND"];

if (command === undefined) {
  // Not by the console, which the runner shows for failed tests only.
  process.stderr.write(
    "The Python service is NOT run beside ours: its SQL is, as it was recorded. To run it set PYTHON_SERVICE_COMMAND, such " +
      "as 'cd ../flux/backend && uvicorn dao_service.main:app --port $PORT'.\n",
  );
}

/** Starts the Python service on a database. */
export async function startPythonService(databaseUrl: string): Promise<Service & AsyncDisposable> {
  const port = await findFreePort();
  const url = new URL(databaseUrl);
  const env = {
    ...process.env,
    DATABASE_URL: `postgresql+asyncpg://${url.username}:${url.password}@${url.host}${url.pathname}`,
    SERVICE_API_KEYS: JSON.stringify(Object.values(KEYS)),
    PORT: String(port),
    TZ: "UTC",
  };
  // In a process group of its own: what the shell starts ends with it.
  const child = spawn("sh", ["-c", command ?? "false"], { env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints += text;
  });
  const stop = async () => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid);
    await exited;
  };
  const service = { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
  try {
    await waitUntilReady(service.url, () => child.exitCode !== null);
    return service;
  } catch (error) {
    await stop();
    throw new Error(`The Python service did not start:\n${complaints}`, { cause: error });
  }
}

/** The response of a service. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Sends a request as the Python service's callers do; text is sent unchanged, all else as JSON. */
export async function send(
  { url }: Service,
  method: string,
  path: string,
  { body, headers }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Reply> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    redirect: "manual",
    headers: { "X-Flux-Service-Key": KEYS["goal-planner"], "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text !== "" && /json/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : text,
  };
}
