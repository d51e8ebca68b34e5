import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { parseId } from "../contract/fields/text.ts";
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
} from "../contract/goal.ts";
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
import { assertFound, conditionalWrite, withValidId } from "./conditional-write.ts";
import { validateStructure } from "./long-lists.ts";

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
