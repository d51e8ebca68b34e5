/** Which database of which server; without user and password. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Where in it the connections look for tables; `undefined` where the server says so. */
  readonly schema?: string | undefined;
}

/** The address in a `postgresql://` URL of which every part can be decoded. */
export function addressOf({ hostname, port, pathname, username }: URL): DatabaseAddress {
  return {
    host: hostname === "" ? "localhost" : hostname,
    port: port === "" ? 5432 : Number(port),
    database: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username) || "postgres",
  };
}
