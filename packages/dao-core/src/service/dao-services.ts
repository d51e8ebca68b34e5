import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { demoFlagsPutDto } from "../contract/demo-flags.ts";
import { ValidationError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/scalars.ts";
import { validate } from "../contract/fields/validation.ts";
import type * as contract from "../contract/index.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { runRetryable } from "../unit-of-work.ts";
import { DaoTaskService } from "./dao-task-service.ts";
import {
  assertFound,
  assertVersion,
  conversation,
  EntityService,
  goal,
  milestone,
  user,
  withValidId,
} from "./entity-service.ts";
import { validateAppend, validateStructure } from "./long-lists.ts";

/** Creates all six services on one session, which is a database or a unit of work. */
export function createDaoServices(session: DatabaseSession): contract.DaoServices {
  return {
    users: new DaoUserService(session),
    goals: new DaoGoalService(session),
    milestones: new DaoMilestoneService(session),
    tasks: new DaoTaskService(session),
    conversations: new DaoConversationService(session),
    demoFlags: new DaoDemoFlagsService(session),
  };
}

/** {@link contract.UserService} on a database session. */
export class DaoUserService
  extends EntityService<contract.UserDto, contract.UserCreateDto, contract.UserUpdateDto, contract.UserListRequest>
  implements contract.UserService
{
  readonly listUsers = this.list;
  readonly getUser = this.find;
  readonly createUser = this.create;
  readonly updateUser = this.update;
  readonly deleteUser = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, user);
  }
}

/** {@link contract.GoalService} on a database session. */
export class DaoGoalService
  extends EntityService<contract.GoalDto, contract.GoalCreateDto, contract.GoalUpdateDto, contract.GoalListRequest>
  implements contract.GoalService
{
  readonly listGoals = this.list;
  readonly getGoal = this.find;
  readonly createGoal = this.create;
  readonly updateGoal = this.update;
  readonly deleteGoal = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, goal);
  }

  async getGoalFull(id: string, options?: CallOptions): Promise<contract.GoalWithRelationsDto> {
    return assertFound("goal", id, await this.session.goals.findWithRelations(parseId(id), options));
  }

  async createGoalWithStructure(
    input: contract.GoalStructureCreateDto,
    options?: CreateOptions,
  ): Promise<contract.GoalWithRelationsDto> {
    return this.session.goals.createWithStructure(validateStructure(input), withValidId(options));
  }
}

/** {@link contract.MilestoneService} on a database session. */
export class DaoMilestoneService
  extends EntityService<
    contract.MilestoneDto,
    contract.MilestoneCreateDto,
    contract.MilestoneUpdateDto,
    contract.MilestoneListRequest
  >
  implements contract.MilestoneService
{
  readonly listMilestones = this.list;
  readonly getMilestone = this.find;
  readonly createMilestone = this.create;
  readonly updateMilestone = this.update;
  readonly deleteMilestone = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, milestone);
  }
}

/** {@link contract.ConversationService} on a database session. */
export class DaoConversationService
  extends EntityService<
    contract.ConversationDto,
    contract.ConversationCreateDto,
    contract.ConversationUpdateDto,
    contract.ConversationListRequest
  >
  implements contract.ConversationService
{
  readonly listConversations = this.list;
  readonly getConversation = this.find;
  readonly createConversation = this.create;
  readonly updateConversation = this.update;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, conversation);
  }

  async appendMessages(
    id: string,
    input: contract.MessagesAppendDto,
    options?: CallOptions,
  ): Promise<contract.MessagesAppendResult> {
    const key = parseId(id);
    const messageCount = await this.session.conversations.appendMessages(key, validateAppend(input), options);
    return { messageCount: assertFound("conversation", key, messageCount) };
  }
}

/** {@link contract.DemoFlagsService} on a database session. */
export class DaoDemoFlagsService implements contract.DemoFlagsService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async getDemoFlags(userId: string, options?: CallOptions): Promise<contract.DemoFlagsDto> {
    const id = parseId(userId, "userId");
    return assertFound("set of demo flags", id, await this.#session.demoFlags.findByUserId(id, options));
  }

  async putDemoFlags(
    userId: string,
    flags: contract.DemoFlagsPutDto,
    options?: WriteOptions,
  ): Promise<contract.DemoFlagsDto> {
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
