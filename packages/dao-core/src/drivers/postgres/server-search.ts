import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import {
  nameOf,
  type PostgresLocation,
  type ServerAddress,
  type TargetSession,
} from "../../connection-string/database-url.ts";
import { SERVER_RECHECK } from "../../session/limits.ts";
import { codedError, databaseErrorFacts, reasonOf } from "../../session/postgres-errors.ts";
import { NO_SERVER } from "../../session/unavailability.ts";
import { withinTime } from "../../session/waiting/deadline.ts";

/** What a session is good for. */
export interface SessionState {
  readonly isStandby: boolean;
  readonly isReadOnly: boolean;
}

/** Asks for the {@link SessionState}. The parameters that a login reports would not do: poolers report none, or outdated ones. */
export const STATE_QUERY = `select pg_is_in_recovery() as "isStandby", current_setting('transaction_read_only') = 'on' as "isReadOnly"`;

/** The state in the last row of the results that a script had, if it ends with {@link STATE_QUERY}. */
export function stateOf(results: readonly unknown[]): SessionState | undefined {
  const [row] = [results.at(-1)].flat();
  return isState(row) ? row : undefined;
}

function isState(row: unknown): row is SessionState {
  return typeof row === "object" && row !== null && "isStandby" in row && "isReadOnly" in row;
}

/** A server to try: at any address of its name, or at one of them. */
export interface Candidate extends ServerAddress {
  readonly address?: string | undefined;
}

/** A session that was opened. */
interface OpenSession {
  /** `undefined` if it was not asked for. */
  readonly state: SessionState | undefined;
  close(): Promise<void>;
}

/** What a search must know of a location. */
export type SearchedLocation = Pick<PostgresLocation, "servers" | "targetSession" | "balancesLoad">;

type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>;

interface Failure {
  readonly candidate: Candidate;
  readonly error: unknown;
}

type Wish = Exclude<TargetSession, "prefer-standby">;

/** Which sessions fit, and what is said of the others. */
const wishes: Readonly<Record<Wish, readonly [fits: (state: SessionState) => boolean, otherwise: string]>> = {
  any: [() => true, ""],
  "read-write": [({ isReadOnly }) => !isReadOnly, "it accepts no writes"],
  "read-only": [({ isReadOnly }) => isReadOnly, "it accepts writes"],
  primary: [({ isStandby }) => !isStandby, "it is a standby"],
  standby: [({ isStandby }) => isStandby, "it is a primary"],
};

/** SQLSTATEs of a login that every server would refuse: as by libpq, no other one is tried. */
const REFUSED_LOGIN = /^(?:28...|3D000|42501)$/;

/**
 * Finds the server for each new connection, by the rules of libpq (its manual's "Specifying Multiple Hosts",
 * `target_session_attrs` and `load_balance_hosts`): the first that accepts the login and fits. Unlike libpq, it begins with the one
 * found last, and tries those that have just failed after the others.
 * @param connectTimeout milliseconds for a search; each server has an equal share of what is left
 * @param onMoved called when another server is found than before, unless load is balanced
 */
export function serverSearch(
  { servers, targetSession, balancesLoad }: SearchedLocation,
  connectTimeout: number,
  onMoved: () => void,
  lookUp: Lookup = (host) => lookup(host, { all: true }),
) {
  let found: Candidate | undefined;
  /** By name, and by name and address: until when a candidate that failed comes last, by `performance.now()`. */
  const lastUntil = new Map<string, number>();
  return {
    /** The server that was found last. */
    get found(): ServerAddress | undefined {
      return found;
    },
    find,
    /** Tries a server after the others for a while, since it accepts no writes. Default: the one found last. */
    distrust: (server = found) => server && putLast(server),
  };

  /**
   * @param open opens a session on one server, within the given milliseconds
   * @throws what `open` throws if there is only one server to try; an error with the code `NO_SERVER`, which says what is wrong
   *   with each; the reason of an abort
   */
  async function find<Session extends OpenSession>(
    open: (candidate: Candidate, connectTimeout: number) => Promise<Session>,
    signal: AbortSignal,
  ): Promise<Session> {
    const end = performance.now() + connectTimeout;
    const failures: Failure[] = [];
    const all = ordered(servers);
    if (targetSession !== "prefer-standby") return (await findAmong(all, targetSession)) ?? noServer(failures);
    // A standby that has just failed would cost every connection its share of the time.
    const likely = all.filter((server) => !comesLast(server));
    const standby = await findAmong(likely, "standby", all.length);
    return standby ?? (await findAmong(ordered(servers), "any")) ?? noServer(failures);

    /** @param others how many are to be tried after these */
    async function findAmong(candidates: readonly Candidate[], wish: Wish, others = 0): Promise<Session | undefined> {
      const [fits, otherwise] = wishes[wish];
      const queue = [...candidates];
      for (let candidate = queue.shift(); candidate !== undefined; candidate = queue.shift()) {
        const share = Math.max(1, Math.ceil((end - performance.now()) / (1 + queue.length + others)));
        try {
          if (mustLookUp(candidate)) {
            queue.unshift(...ordered(await addressesOf(candidate, share, signal)));
            continue;
          }
          const session = await open(candidate, share);
          if (session.state === undefined || fits(session.state)) {
            remember(candidate);
            return session;
          }
          failures.push({ candidate, error: codedError(NO_SERVER, otherwise) });
          void session.close();
        } catch (error) {
          if (signal.aborted) throw error;
          failures.push({ candidate, error });
          if (REFUSED_LOGIN.test(databaseErrorFacts(error)?.code ?? "")) noServer(failures);
          putLast(candidate);
        }
      }
      return undefined;
    }
  }

  /** A name is looked up if its addresses may be those of different servers. */
  function mustLookUp({ host, address }: Candidate): boolean {
    const mayDiffer = balancesLoad || targetSession !== "any";
    return address === undefined && mayDiffer && !host.startsWith("/") && isIP(host) === 0;
  }

  async function addressesOf(server: Candidate, milliseconds: number, signal: AbortSignal): Promise<Candidate[]> {
    const late = () => codedError("ETIMEDOUT", `its name was not found within ${milliseconds} ms`);
    const addresses = await withinTime(lookUp(server.host), milliseconds, signal, late);
    return addresses.map(({ address }) => ({ ...server, address }));
  }

  /** In the order in which to try them. */
  function ordered(candidates: readonly Candidate[]): Candidate[] {
    const keys = found === undefined || balancesLoad ? [] : keysOf(found);
    const rank = (candidate: Candidate) => (comesLast(candidate) ? 2 : keys.includes(keyOf(candidate)) ? 0 : 1);
    return candidates
      .map((candidate, index) => ({ candidate, rank: rank(candidate), tie: balancesLoad ? Math.random() : index }))
      .sort((one, other) => one.rank - other.rank || one.tie - other.tie)
      .map(({ candidate }) => candidate);
  }

  function comesLast(candidate: Candidate): boolean {
    return performance.now() < (lastUntil.get(keyOf(candidate)) ?? 0);
  }

  function putLast(candidate: Candidate): void {
    for (const key of keysOf(candidate)) lastUntil.set(key, performance.now() + SERVER_RECHECK);
  }

  function remember(candidate: Candidate): void {
    const before = found;
    for (const key of keysOf(candidate)) lastUntil.delete(key);
    if (before !== undefined && keyOf(before) === keyOf(candidate)) return;
    found = candidate;
    if (before !== undefined && !balancesLoad) onMoved();
  }

  function noServer(failures: readonly Failure[]): never {
    const reasons = new Set(failures.map(({ candidate, error }) => `${labelOf(candidate)}: ${reasonOf(error)}`));
    const errors = failures.map(({ error }) => error);
    const isOnly = servers.length === 1 && reasons.size === 1;
    if (isOnly && databaseErrorFacts(errors[0])?.code !== NO_SERVER) throw errors[0];
    const wish = targetSession === "any" ? "" : ` for target_session_attrs=${targetSession}`;
    const message = `No server was found${wish}. ${[...reasons].join(" ")}`;
    throw Object.assign(new AggregateError(errors, message), { code: NO_SERVER });
  }
}

/** Identifies a candidate. */
function keyOf({ address, ...server }: Candidate): string {
  return address === undefined ? nameOf(server) : `${nameOf(server)} ${address}`;
}

/** Those of a candidate, and of the server whose name it has. */
function keysOf(candidate: Candidate): string[] {
  return [nameOf(candidate), keyOf(candidate)];
}

/** For messages. */
function labelOf({ address, ...server }: Candidate): string {
  return address === undefined || address === server.host ? nameOf(server) : `${nameOf(server)} (${address})`;
}
