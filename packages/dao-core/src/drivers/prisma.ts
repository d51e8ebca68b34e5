import type { SqlDriver } from "../session/driver.ts";
import { DEFAULT_ACQUIRE_TIMEOUT, LARGEST_VALUE } from "../session/limits.ts";
import { connectionClosed } from "../session/postgres-errors.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's Prisma client, or of its interactive transaction, that is used. */
export interface HostPrisma {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
  /** Of a client, and not of a transaction. */
  $connect?(): Promise<void>;
  $transaction?<Result>(
    work: (transaction: HostPrisma) => Promise<Result>,
    options: { maxWait: number; timeout: number },
  ): Promise<Result>;
}

/** Prisma with its adapter for `pg`. It does not expose its connections, so a loss is noticed by the next statement. */
export function prismaDriver(client: HostPrisma, poolSize?: number): SqlDriver {
  return hostDriver<HostPrisma>({
    description: "the application's Prisma client",
    handle: client,
    async execute(handle, text, values) {
      const rows = await handle.$queryRawUnsafe(text, ...values);
      return Array.isArray(rows) ? rows : [];
    },
    transaction: client.$connect === undefined ? undefined : (work) => begin(client, work),
    toDriverError,
    poolSize,
  });
}

function begin<Result>(client: HostPrisma, work: (transaction: HostPrisma) => Promise<Result>): Promise<Result> {
  if (client.$transaction === undefined) throw new TypeError("The Prisma client has no $transaction.");
  // Only the caller's own time-out limits the transaction.
  return client.$transaction(work, { maxWait: DEFAULT_ACQUIRE_TIMEOUT, timeout: LARGEST_VALUE });
}

/** The codes for a missing connection: it cannot be opened, was closed, or none was free in time. */
const connectionCodes: ReadonlySet<unknown> = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028"]);

/** PostgreSQL's error, as far as Prisma keeps it: SQLSTATE and message. */
function toDriverError(error: unknown): unknown {
  const adapterError = member(error, "meta", "driverAdapterError") ?? error;
  const code = member(adapterError, "cause", "originalCode");
  if (typeof code !== "string") return connectionCodes.has(member(error, "code")) ? connectionClosed(error) : error;
  const message = String(member(adapterError, "cause", "originalMessage"));
  const detail = member(adapterError, "cause", "detail");
  const column = member(adapterError, "cause", "constraint", "fields", "0");
  return Object.assign(new Error(message, { cause: error }), { code, detail, column });
}

function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((object, name): unknown => Reflect.get(Object(object), name), value);
}
