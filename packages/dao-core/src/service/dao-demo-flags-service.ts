import type { CallOptions, WriteOptions } from "../contract/call-options.ts";
import {
  type DemoFlagsDto,
  type DemoFlagsPutDto,
  type DemoFlagsService,
  demoFlagsPutDto,
} from "../contract/demo-flags.ts";
import { ValidationError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/id.ts";
import { validate } from "../contract/fields/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { runRetryable } from "../unit-of-work.ts";
import { assertFound, assertVersion } from "./conditional-write.ts";

/** {@link DemoFlagsService} on a database session. */
export class DaoDemoFlagsService implements DemoFlagsService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async getDemoFlags(userId: string, options?: CallOptions): Promise<DemoFlagsDto> {
    const id = parseId(userId, "userId");
    return assertFound("set of demo flags", id, await this.#session.demoFlags.findByUserId(id, options));
  }

  async putDemoFlags(userId: string, flags: DemoFlagsPutDto, options?: WriteOptions): Promise<DemoFlagsDto> {
    const id = parseId(userId, "userId");
    const valid = validate(demoFlagsPutDto, flags);
    if (valid.userId !== undefined && valid.userId !== id) {
      throw new ValidationError([{ path: "userId", message: "must be the user of this call, or be left out" }]);
    }
    if (options?.ifVersion === undefined) return this.#session.demoFlags.put(id, valid, options);
    return runRetryable(this.#session, options, async ({ demoFlags }) => {
      assertVersion("set of demo flags of user", id, await demoFlags.lockByUserId(id), options);
      return demoFlags.put(id, valid, options);
    });
  }
}
