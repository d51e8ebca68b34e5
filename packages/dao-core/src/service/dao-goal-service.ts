import type { CallOptions } from "../contract/call-options.ts";
import { NotFoundError } from "../contract/errors.ts";
import {
  type GoalCreateDto,
  type GoalDto,
  type GoalListRequest,
  type GoalService,
  type GoalStructureCreateDto,
  type GoalUpdateDto,
  type GoalWithRelationsDto,
  goalCreateDto,
  goalListRequest,
  goalUpdateDto,
  validateStructure,
} from "../contract/goal.ts";
import { parseId } from "../contract/id.ts";
import type { Page } from "../contract/page.ts";
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { found } from "./found.ts";

/** {@link GoalService} on a database session. */
export class DaoGoalService implements GoalService {
  readonly #session: DatabaseSession;

  /** @param session a database, or a unit of work to work inside of */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listGoals(request: GoalListRequest = {}, options?: CallOptions): Promise<Page<GoalDto>> {
    return this.#session.goals.list(validate(goalListRequest, request), options);
  }

  async getGoal(id: string, options?: CallOptions): Promise<GoalDto> {
    return found("goal", id, await this.#session.goals.findById(parseId(id), options));
  }

  async getGoalFull(id: string, options?: CallOptions): Promise<GoalWithRelationsDto> {
    return found("goal", id, await this.#session.goals.findWithRelations(parseId(id), options));
  }

  async createGoal(input: GoalCreateDto, options?: CallOptions): Promise<GoalDto> {
    return this.#session.goals.create(validate(goalCreateDto, input), options);
  }

  async createGoalWithStructure(input: GoalStructureCreateDto, options?: CallOptions): Promise<GoalWithRelationsDto> {
    return this.#session.goals.createWithStructure(validateStructure(input), options);
  }

  async updateGoal(id: string, changes: GoalUpdateDto, options?: CallOptions): Promise<GoalDto> {
    return found("goal", id, await this.#session.goals.update(parseId(id), validate(goalUpdateDto, changes), options));
  }

  async deleteGoal(id: string, options?: CallOptions): Promise<void> {
    const isDeleted = await this.#session.goals.delete(parseId(id), options);
    if (!isDeleted) throw new NotFoundError("goal", id);
  }
}
