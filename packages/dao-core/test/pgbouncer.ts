import { userInfo } from "node:os";
import { hasProgram, type RunningProxy, startProxy } from "../../../test/proxies/proxy.ts";
import { isListening } from "./is-listening.ts";

const command = process.env["PGBOUNCER_PATH"] ?? "pgbouncer";

export const hasPgBouncer = hasProgram(command, "--version");

export type PoolMode = "session" | "transaction";

/**
 * PgBouncer in front of every database of the server at this URL, with the settings of Debian's package except for the pool.
 */
export async function startPgBouncer(serverUrl: string, poolMode: PoolMode): Promise<RunningProxy> {
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
    `,
  });
}
