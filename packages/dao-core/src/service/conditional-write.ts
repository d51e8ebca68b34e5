import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { NotFoundError, VersionMismatchError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/text.ts";
import { hasVersion } from "../contract/version.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { runRetryable } from "../unit-of-work.ts";

interface LockingDao {
  lockById(id: string, options?: CallOptions): Promise<object | null>;
}

/** An entity: its name for messages, singular and lower case, and its DAO in a session. */
export interface Entity<Dao extends LockingDao> {
  readonly name: string;
  readonly dao: (session: DatabaseSession) => Dao;
}

/**
 * Writes one row: directly if `options` ask for no version, otherwise in a transaction that locks the row and checks its
 * version first.
 * @param write `null` or `false` means that there is no such row
 * @throws NotFoundError, VersionMismatchError
 */
export async function conditionalWrite<Dao extends LockingDao, Result>(
  session: DatabaseSession,
  { name, dao }: Entity<Dao>,
  id: string,
  options: WriteOptions | undefined,
  write: (dao: Dao) => Promise<Result | null | false>,
): Promise<Result> {
  const result =
    options?.ifVersion === undefined
      ? await write(dao(session))
      : await runRetryable(session, options, async (uow) => {
          const row = await dao(uow).lockById(id);
          if (row === null) return null;
          assertVersion(name, id, row, options);
          return write(dao(uow));
        });
  return assertFound(name, id, result === false ? null : result);
}

/** @throws VersionMismatchError if `options` ask for a version that `row` does not have */
export function assertVersion(name: string, id: string, row: object | null, { ifVersion }: WriteOptions): void {
  if (ifVersion === undefined) return;
  if (row === null || !hasVersion(row, ifVersion)) throw new VersionMismatchError(name, id);
}

/**
 * Returns the row that a DAO found.
 * @param name the entity, singular and lower case
 * @throws NotFoundError if it is `null`
 */
export function assertFound<Row>(name: string, id: string, row: Row | null): Row {
  if (row === null) throw new NotFoundError(name, id);
  return row;
}

/**
 * Returns create options whose client-supplied id, if there is one, is in lower case.
 * @throws ValidationError if it is not a UUID
 */
export function withValidId(options: CreateOptions | undefined): CreateOptions | undefined {
  return options?.id === undefined ? options : { ...options, id: parseId(options.id) };
}
