import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "../postgres/free-port.ts";
import { read, run } from "../run.ts";
import { BEFORE_SERVING, type Deployment } from "./deployment.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

/** Megabytes. */
const LARGEST_IMAGE = 200;

const SERVICE = "flux-dao-service";

/** A Compose project of its own, separate from a developer's containers and volume. */
const COMPOSE = ["docker", "compose", "--project-name", "flux-dao-black-box"] as const;

/** Whether a Docker engine with Compose responds. */
export async function hasDocker(): Promise<boolean> {
  try {
    await read(["docker", "info", "--format", "{{.ServerVersion}}"]);
    await read(["docker", "compose", "version"]);
    return true;
  } catch {
    return false;
  }
}

/** The image, run by compose.yaml. */
export class ContainerDeployment implements Deployment {
  readonly artefact = "Image";
  readonly notTried = [];
  readonly #logFile: string;
  // Compose evaluates the whole file for every command, and rejects it without keys.
  #settings: Record<string, string> = { SERVICE_API_KEYS: "not-started-yet" };

  constructor(logFile: string) {
    this.#logFile = logFile;
  }

  async build() {
    await run([...COMPOSE, "build"], { env: this.#settings });
    const bytes = Number(await read(["docker", "image", "inspect", "--format", "{{.Size}}", SERVICE]));
    const size = `The image has ${(bytes / 1e6).toFixed(0)} MB`;
    if (!(bytes > 0 && bytes / 1e6 < LARGEST_IMAGE)) throw new Error(`${size}; the limit is ${LARGEST_IMAGE} MB.`);
    return { notes: [`${size} (limit: ${LARGEST_IMAGE}).`] };
  }

  async start(key: string) {
    const port = await findFreePort();
    this.#settings = { SERVICE_API_KEYS: key, FLUX_DAO_PORT: `${port}` };
    for (const command of BEFORE_SERVING) {
      // The job has no keys, and doctor checks for them.
      const job = ["run", "--rm", "--env", `SERVICE_API_KEYS=${key}`, "migrate", ...command];
      await run([...COMPOSE, ...job], { env: this.#settings });
    }
    await run([...COMPOSE, "up", "--detach"], { env: this.#settings });
    const url = `http://127.0.0.1:${port}`;
    await waitUntilReady(url);
    const user = await this.#inContainer("id", "-u");
    if (user === "0") throw new Error("The service runs as root.");
    // /tmp is world-writable, unless the file system is read-only.
    const writes = await this.#inContainer("sh", "-c", "touch /tmp/x 2>/dev/null && echo yes || echo no");
    if (writes !== "no") throw new Error("The service's file system is writable.");
    await this.#waitUntilHealthy();
    return { url, notes: [`Runs as user ${user} on a read-only file system; the health check reports healthy.`] };
  }

  async stop() {
    const start = performance.now();
    await run([...COMPOSE, "stop", SERVICE], { env: this.#settings });
    const code = await read(["docker", "inspect", "--format", "{{.State.ExitCode}}", SERVICE]);
    if (code !== "0") throw new Error(`After SIGTERM the service exited with ${code}, not with 0.`);
    return { notes: [`Exit code 0 after ${((performance.now() - start) / 1_000).toFixed(1)} s.`] };
  }

  async [Symbol.asyncDispose]() {
    const log = await read([...COMPOSE, "logs", "--no-color"], { env: this.#settings }).catch(() => undefined);
    if (log !== undefined) await writeFile(this.#logFile, `${log}\n`);
    await run([...COMPOSE, "down", "--volumes"], { env: this.#settings });
  }

  #inContainer(...command: string[]): Promise<string> {
    return read([...COMPOSE, "exec", "--no-TTY", SERVICE, ...command], { env: this.#settings });
  }

  async #waitUntilHealthy(): Promise<void> {
    for (let tries = 0; tries < 60; tries++) {
      if ((await read(["docker", "inspect", "--format", "{{.State.Health.Status}}", SERVICE])) === "healthy") return;
      await delay(1_000);
    }
    throw new Error("The health check did not report healthy within a minute.");
  }
}
