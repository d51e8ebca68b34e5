import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { parseId, withValidId } from "../contract/fields/id.ts";
import { validate } from "../contract/fields/validation.ts";
import {
  type MilestoneCreateDto,
  type MilestoneDto,
  type MilestoneListRequest,
  type MilestoneService,
  type MilestoneUpdateDto,
  milestoneCreateDto,
  milestoneListRequest,
  milestoneUpdateDto,
} from "../contract/milestone.ts";
import type { Page } from "../contract/page.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { assertFound, conditionalWrite } from "./conditional-write.ts";

const milestone = { name: "milestone", dao: (session: DatabaseSession) => session.milestones };

/** {@link MilestoneService} on a database session. */
export class DaoMilestoneService implements MilestoneService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listMilestones(request: MilestoneListRequest = {}, options?: CallOptions): Promise<Page<MilestoneDto>> {
    return this.#session.milestones.list(validate(milestoneListRequest, request), options);
  }

  async getMilestone(id: string, options?: CallOptions): Promise<MilestoneDto> {
    return assertFound("milestone", id, await this.#session.milestones.findById(parseId(id), options));
  }

  async createMilestone(input: MilestoneCreateDto, options?: CreateOptions): Promise<MilestoneDto> {
    return this.#session.milestones.create(validate(milestoneCreateDto, input), withValidId(options));
  }

  async updateMilestone(id: string, changes: MilestoneUpdateDto, options?: WriteOptions): Promise<MilestoneDto> {
    const key = parseId(id);
    const valid = validate(milestoneUpdateDto, changes);
    return conditionalWrite(this.#session, milestone, key, options, (milestones) =>
      milestones.update(key, valid, options),
    );
  }

  async deleteMilestone(id: string, options?: WriteOptions): Promise<void> {
    const key = parseId(id);
    await conditionalWrite(this.#session, milestone, key, options, (milestones) => milestones.delete(key, options));
  }
}
