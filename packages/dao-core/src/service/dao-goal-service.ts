import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { parseId, withValidId } from "../contract/fields/id.ts";
import { validate } from "../contract/fields/validation.ts";
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
import type { Page } from "../contract/page.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { assertFound, conditionalWrite } from "./conditional-write.ts";

const goal = { name: "goal", dao: (session: DatabaseSession) => session.goals };

/** {@link GoalService} on a database session. */
export class DaoGoalService implements GoalService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listGoals(request: GoalListRequest = {}, options?: CallOptions): Promise<Page<GoalDto>> {
    return this.#session.goals.list(validate(goalListRequest, request), options);
  }

  async getGoal(id: string, options?: CallOptions): Promise<GoalDto> {
    return assertFound("goal", id, await this.#session.goals.findById(parseId(id), options));
  }

  async getGoalFull(id: string, options?: CallOptions): Promise<GoalWithRelationsDto> {
    return assertFound("goal", id, await this.#session.goals.findWithRelations(parseId(id), options));
  }

  async createGoal(input: GoalCreateDto, options?: CreateOptions): Promise<GoalDto> {
    return this.#session.goals.create(validate(goalCreateDto, input), withValidId(options));
  }

  async createGoalWithStructure(input: GoalStructureCreateDto, options?: CreateOptions): Promise<GoalWithRelationsDto> {
    return this.#session.goals.createWithStructure(validateStructure(input), withValidId(options));
  }

  async updateGoal(id: string, changes: GoalUpdateDto, options?: WriteOptions): Promise<GoalDto> {
    const key = parseId(id);
    const valid = validate(goalUpdateDto, changes);
    return conditionalWrite(this.#session, goal, key, options, (goals) => goals.update(key, valid, options));
  }

  async deleteGoal(id: string, options?: WriteOptions): Promise<void> {
    const key = parseId(id);
    await conditionalWrite(this.#session, goal, key, options, (goals) => goals.delete(key, options));
  }
}
