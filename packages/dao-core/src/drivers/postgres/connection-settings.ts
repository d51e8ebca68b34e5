import type { Socket } from "node:net";

/** How to open a connection. */
export interface ConnectionSettings {
  /** Whose user, password, database and startup parameters are used. */
  readonly url: string;
  /** Startup parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly prepare: boolean;
  /** Milliseconds within which the server must have accepted the login and run {@link script}. */
  readonly connectTimeout: number;
  /** Milliseconds that the server may be silent while statements run; 0 is no limit. */
  readonly responseTimeout: number;
  /** Run on each new connection. */
  readonly script: string;
  /** Opens the one socket of a connection, TLS included, or that of a cancel request; an abort leaves nothing open. */
  readonly openSocket: (signal?: AbortSignal) => Promise<Socket>;
}
