import type { CallOptions, WriteOptions } from "../contract/call-options.ts";
import { NotFoundError, VersionMismatchError } from "../contract/errors.ts";
import { hasVersion } from "../contract/version.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { runRepeatable } from "../unit-of-work.ts";

/** What a DAO must offer so that writes can depend on a row's version. */
interface LockingDao {
  lockById(id: string, options?: CallOptions): Promise<object | null>;
}

/** An entity: its name for messages, in the singular and lower case, and where a session has it. */
export interface Entity<Dao extends LockingDao> {
  readonly what: string;
  readonly dao: (session: DatabaseSession) => Dao;
}

/**
 * Runs a write on one row: as it is where `options` ask for no version, else in a transaction in which the row was locked
 * and found to have it.
 * @param write `null` and `false` mean that there is no such row
 * @throws NotFoundError, VersionMismatchError
 */
export async function writeRow<Dao extends LockingDao, Result>(
  session: DatabaseSession,
  { what, dao }: Entity<Dao>,
  id: string,
  options: WriteOptions | undefined,
  write: (dao: Dao) => Promise<Result | null | false>,
): Promise<Result> {
  const result =
    options?.ifVersion === undefined
      ? await write(dao(session))
      : await runRepeatable(session, options, async (locked) => {
          const current = await dao(locked).lockById(id);
          if (current === null) return null;
          checkVersion(what, id, current, options);
          return write(dao(locked));
        });
  if (result === null || result === false) throw new NotFoundError(what, id);
  return result;
}

/** @throws VersionMismatchError if `row` has another version than `options` ask for */
export function checkVersion(what: string, id: string, row: object | null, { ifVersion }: WriteOptions): void {
  if (ifVersion === undefined) return;
  if (row === null || !hasVersion(row, ifVersion)) throw new VersionMismatchError(what, id);
}
