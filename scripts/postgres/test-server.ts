import postgres from "postgres";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";

const IMAGE = "postgres:17-alpine";
const MAX_CONNECTIONS = "300";
/** By default a deadlock lasts for a second. */
const DEADLOCK_TIMEOUT = "200ms";

/** A PostgreSQL server for tests. */
export interface TestServer {
  /** Connection URL with a user that may create databases. */
  readonly url: string;
  /** The origin of the server. */
  readonly kind: "TEST_DATABASE_URL" | "docker" | "embedded";
  /** One line for people: version, origin, and why no preferred origin was used. Never contains a password. */
  readonly describe: string;
  /** Stops the server; has no effect on one that TEST_DATABASE_URL names. */
  stop(): Promise<void>;
}

/**
 * Finds or starts a PostgreSQL server for tests: the one that TEST_DATABASE_URL names, else a Docker container, else the
 * binaries of the package `embedded-postgres`. A started server allows 300 connections, and does not outlive this process.
 *
 * @throws Error if the server that TEST_DATABASE_URL names does not respond, or if no server can be started
 */
export async function startTestServer(): Promise<TestServer> {
  const url = process.env["TEST_DATABASE_URL"] ?? "";
  if (url !== "") {
    const describe = `PostgreSQL ${await serverVersion(url)}, named by TEST_DATABASE_URL`;
    return { url, kind: "TEST_DATABASE_URL", describe, stop: async () => {} };
  }
  const docker = await startContainer();
  if (typeof docker !== "string") return docker;
  const server = await startEmbeddedPostgres({
    settings: { max_connections: MAX_CONNECTIONS, deadlock_timeout: DEADLOCK_TIMEOUT },
  });
  const note = server.note === undefined ? "" : `. ${server.note}`;
  const describe = `PostgreSQL ${server.version}, embedded binaries (${docker})${note}`;
  return { url: server.url, kind: "embedded", describe, stop: () => server.stop() };
}

/** Starts the container; returns the reason if that is impossible. */
async function startContainer(): Promise<TestServer | string> {
  // Loading testcontainers takes longer than everything else here, so it is loaded only if needed.
  const { getContainerRuntimeClient } = await import("testcontainers");
  const engine = await getContainerRuntimeClient().catch(() => undefined);
  if (engine === undefined) return "no Docker engine found";
  try {
    const { PostgreSqlContainer } = await import("@testcontainers/postgresql");
    const container = await new PostgreSqlContainer(IMAGE)
      .withDatabase("postgres")
      .withUsername("postgres")
      .withCommand([
        "postgres",
        "-c",
        `max_connections=${MAX_CONNECTIONS}`,
        "-c",
        `deadlock_timeout=${DEADLOCK_TIMEOUT}`,
        "-c",
        "fsync=off",
      ])
      .start();
    const url = container.getConnectionUri();
    const describe = `PostgreSQL ${await serverVersion(url)}, Docker image ${IMAGE}`;
    return { url, kind: "docker", describe, stop: () => container.stop().then(() => undefined) };
  } catch (error) {
    // Usually an engine without access to the registry.
    return `the Docker engine could not start ${IMAGE}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function serverVersion(url: string): Promise<string> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    const [row] = await sql<{ server_version: string }[]>`show server_version`;
    // Distributions append their name: "17.5 (Debian 17.5-1)".
    return row?.server_version.split(" ")[0] ?? "of unknown version";
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new Error(`The PostgreSQL server at ${new URL(url).host} does not respond: ${reason}`, { cause });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
