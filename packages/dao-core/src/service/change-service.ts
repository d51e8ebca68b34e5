import type { CallOptions, StreamOptions } from "../contract/call-options.ts";
import {
  type ChangeDto,
  type ChangePage,
  type ChangeService,
  type FollowChangesRequest,
  followChangesRequest,
  type ListChangesRequest,
  listChangesRequest,
} from "../contract/change.ts";
import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import { validate } from "../contract/fields/validation.ts";
import type { ChangeFeed, DatabaseSession } from "../session/database-session.ts";

/** {@link ChangeService} on a database session. */
export class DaoChangeService implements ChangeService {
  readonly #session: DatabaseSession;

  /** @param session a database; units of work have no changes */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listChanges(request: ListChangesRequest = {}, options?: CallOptions): Promise<ChangePage> {
    return this.#feed().list(validate(listChangesRequest, request), options);
  }

  async *followChanges(request: FollowChangesRequest = {}, options?: StreamOptions): AsyncGenerator<ChangeDto> {
    yield* this.#feed().follow(validate(followChangesRequest, request), options);
  }

  #feed(): ChangeFeed {
    const { changes } = this.#session;
    if (changes !== undefined) return changes;
    throw new UnitOfWorkMisuseError(
      "Changes are of committed work, so a unit of work or open transaction has none. Read them from the database.",
    );
  }
}
