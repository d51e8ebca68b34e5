import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { invalid } from "../contract/fields/validation.ts";
import { invalidUrl, type Parameters } from "./parameters.ts";

/** Where a server listens. */
export interface ServerAddress {
  /** A name, or an address without brackets, or the folder of a Unix socket, which begins with a slash. */
  readonly host: string;
  readonly port: number;
}

/** Where Debian's and Red Hat's servers listen, and psql connects without a host; only root can create a socket there. */
const SOCKET_FOLDER = "/var/run/postgresql";

const DEFAULT_PORT = 5432;

/** The servers of `host` and `port`, as libpq pairs the two lists. */
export function readServers(parameters: Parameters): readonly [ServerAddress, ...ServerAddress[]] {
  const host = parameters.take("host");
  const port = parameters.take("port");
  const [first = "", ...others] = (host?.text ?? "").split(",");
  const ports = (port?.text ?? "").split(",").map((text) => {
    const number = text === "" ? DEFAULT_PORT : Number(text);
    if (/^\d{0,5}$/.test(text) && number >= 1 && number <= 65_535) return number;
    throw invalidUrl(
      "must have a port from 1 to 65535 after the host's colon: encode / : @ ? # % in user and password, put an IPv6 address in []",
    );
  });
  if (ports.length > 1 && ports.length !== others.length + 1) {
    throw invalid(port?.setting ?? "port", `must have one port, or as many as there are hosts (${others.length + 1})`);
  }
  const server = (text: string, index: number) => toServer(text, ports[index] ?? ports[0] ?? DEFAULT_PORT);
  return [server(first, 0), ...others.map((text, index) => server(text, index + 1))];
}

function toServer(text: string, port: number): ServerAddress {
  if (text === "") return { host: existsSync(socketPath(SOCKET_FOLDER, port)) ? SOCKET_FOLDER : "localhost", port };
  const host = text.replace(/^\[(.*)\]$/, "$1");
  if (host.startsWith("/") || /^[^\s/\\?#@;=]+$/.test(host)) return { host, port };
  throw invalidUrl("must have the name or address of a server as its host, or the folder of a Unix socket");
}

/** The server in messages, and as one may write it in a URL: an IPv6 address has brackets, a Unix socket is its file. */
export function nameOf({ host, port }: ServerAddress): string {
  if (host.startsWith("/")) return socketPath(host, port);
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Whether this is where `.pgpass` says `localhost`. */
export function isDefaultSocket(host: string): boolean {
  return host === SOCKET_FOLDER;
}

/** The file of a server's Unix socket. */
export function socketPath(folder: string, port: number): string {
  return `${folder}/.s.PGSQL.${port}`;
}
