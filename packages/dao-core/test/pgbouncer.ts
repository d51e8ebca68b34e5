import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { hasProgram, type RunningProxy, startProxy } from "../../../test/proxies/proxy.ts";
import { isListening } from "./is-listening.ts";

const command = process.env["PGBOUNCER_PATH"] ?? "pgbouncer";

export const hasPgBouncer = hasProgram(command, "--version");

const [, major = "0", minor = "0"] =
  /PgBouncer (\d+)\.(\d+)/.exec(hasPgBouncer ? spawnSync(command, ["--version"], { encoding: "utf8" }).stdout : "") ??
  [];

/** Whether it keeps track of prepared statements in transactions, as those from 1.21 on can. */
export const tracksStatements = Number(major) > 1 || Number(minor) >= 21;
if (hasPgBouncer && !tracksStatements)
  process.stderr.write(
    `NOT TESTED: prepared statements through PgBouncer, as ${major}.${minor} does not track them.\n`,
  );

export type PoolMode = "session" | "transaction";

/**
 * PgBouncer in front of every database of the server at this URL, with the settings of Debian's package except for the pool.
 *
 * @param maxStatements how many prepared statements it tracks on a connection to the server; 0 is none
 */
export async function startPgBouncer(serverUrl: string, poolMode: PoolMode, maxStatements = 0): Promise<RunningProxy> {
  const { hostname, port: serverPort, username, password } = new URL(serverUrl);
  // It refuses to run as root.
  const user = userInfo().uid === 0 ? ["-u", "nobody"] : [];
  return startProxy({
    command,
    args: (file) => [...user, file],
    isThere: isListening,
    configuration: (folder, port) => `
      [databases]
      * = host=${hostname} port=${serverPort} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = ${port}
      unix_socket_dir =
      pidfile = ${folder}/pid
      auth_type = any
      pool_mode = ${poolMode}
      default_pool_size = 4
      ${tracksStatements ? `max_prepared_statements = ${maxStatements}` : ""}
    `,
  });
}
