import type { CallOptions } from "../contract/call-options.ts";
import { NotFoundError } from "../contract/errors.ts";
import { parseId } from "../contract/id.ts";
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
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { found } from "./found.ts";

/** {@link MilestoneService} on a database session. */
export class DaoMilestoneService implements MilestoneService {
  readonly #session: DatabaseSession;

  /** @param session a database, or a unit of work to work inside of */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listMilestones(request: MilestoneListRequest = {}, options?: CallOptions): Promise<Page<MilestoneDto>> {
    return this.#session.milestones.list(validate(milestoneListRequest, request), options);
  }

  async getMilestone(id: string, options?: CallOptions): Promise<MilestoneDto> {
    return found("milestone", id, await this.#session.milestones.findById(parseId(id), options));
  }

  async createMilestone(input: MilestoneCreateDto, options?: CallOptions): Promise<MilestoneDto> {
    return this.#session.milestones.create(validate(milestoneCreateDto, input), options);
  }

  async updateMilestone(id: string, changes: MilestoneUpdateDto, options?: CallOptions): Promise<MilestoneDto> {
    const valid = validate(milestoneUpdateDto, changes);
    return found("milestone", id, await this.#session.milestones.update(parseId(id), valid, options));
  }

  async deleteMilestone(id: string, options?: CallOptions): Promise<void> {
    const isDeleted = await this.#session.milestones.delete(parseId(id), options);
    if (!isDeleted) throw new NotFoundError("milestone", id);
  }
}
