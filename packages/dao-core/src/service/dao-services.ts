import type { CallOptions, CreateOptions, PutOptions, StreamOptions, WriteOptions } from "../contract/call-options.ts";
import { followChangesRequest, listChangesRequest } from "../contract/change.ts";
import { demoFlagsPutDto } from "../contract/demo-flags.ts";
import { UnitOfWorkMisuseError, ValidationError, VersionMismatchError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/scalars.ts";
import { validate } from "../contract/fields/validation.ts";
import type * as contract from "../contract/index.ts";
import { callOperation } from "../contract/services.ts";
import { calendarEventLinkDto, taskStatisticsRequest, taskTimerangeRequest } from "../contract/task.ts";
import type { ChangeFeed, DatabaseSession } from "../session/database-session.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import { assertSession, runRetryable } from "../unit-of-work.ts";
import { runBatch } from "./batch.ts";
import { assertFound, assertVersion, EntityService, entities, refuseKey, withValidId } from "./entity-service.ts";
import { validateAppend, validateBulkChanges, validateBulkUpdate, validateStructure } from "./long-lists.ts";
import { importTasks, type TaskSource } from "./task-import.ts";

/** Creates all seven services on one session, which is a database or a unit of work. */
export function createDaoServices(session: DatabaseSession): contract.DaoServices {
  assertSession(session);
  const batch = (operations: Parameters<typeof runBatch>[1], options?: contract.BatchOptions): Promise<unknown> =>
    runBatch(session, operations, options, (inside) => {
      const services = createDaoServices(inside);
      return async (name, args) => {
        if (isOperation(services, name)) return callOperation(services, name, args);
        throw new ValidationError([{ path: "", message: `must name an operation: there is no ${name}` }]);
      };
    });
  return {
    users: new DaoUserService(session),
    goals: new DaoGoalService(session),
    milestones: new DaoMilestoneService(session),
    tasks: new DaoTaskService(session),
    conversations: new DaoConversationService(session),
    demoFlags: new DaoDemoFlagsService(session),
    changes: new DaoChangeService(session),
    // The compiler checks the arguments by their names; the results are those of the calls.
    batch: batch as contract.DaoServices["batch"],
  };
}

/** Whether services have it for callers: not from `Object`, nor for each other. */
function isOperation(services: object, name: string): boolean {
  const [service = "", method = ""] = name.split(/\.(.*)/s);
  const own: unknown = Object.hasOwn(services, service) ? Reflect.get(services, service) : undefined;
  if (typeof own !== "object" || own === null || method === "constructor") return false;
  const isOwn = Object.hasOwn(own, method) || Object.hasOwn(Object.getPrototypeOf(own), method);
  return isOwn && typeof Reflect.get(own, method) === "function";
}

/** {@link contract.UserService} on a database session. */
export class DaoUserService
  extends EntityService<contract.UserDto, contract.UserCreateDto, contract.UserUpdateDto, contract.UserListRequest>
  implements contract.UserService
{
  readonly listUsers = this.list;
  readonly streamUsers = this.stream;
  readonly countUsers = this.count;
  readonly getUser = this.find;
  readonly createUser = this.create;
  readonly updateUser = this.update;
  readonly deleteUser = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, entities.users);
  }
}

/** {@link contract.GoalService} on a database session. */
export class DaoGoalService
  extends EntityService<contract.GoalDto, contract.GoalCreateDto, contract.GoalUpdateDto, contract.GoalListRequest>
  implements contract.GoalService
{
  readonly listGoals = this.list;
  readonly streamGoals = this.stream;
  readonly countGoals = this.count;
  readonly getGoal = this.find;
  readonly createGoal = this.create;
  readonly updateGoal = this.update;
  readonly deleteGoal = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, entities.goals);
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
  readonly streamMilestones = this.stream;
  readonly countMilestones = this.count;
  readonly getMilestone = this.find;
  readonly createMilestone = this.create;
  readonly updateMilestone = this.update;
  readonly deleteMilestone = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, entities.milestones);
  }
}

/** {@link contract.TaskService} on a database session. */
export class DaoTaskService
  extends EntityService<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest>
  implements contract.TaskService
{
  readonly listTasks = this.list;
  readonly streamTasks = this.stream;
  readonly countTasks = this.count;
  readonly getTask = this.find;
  readonly createTask = this.create;
  readonly updateTask = this.update;
  readonly deleteTask = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, entities.tasks);
  }

  async createTasks(tasks: TaskSource, options?: CallOptions): Promise<contract.TaskImportResult> {
    refuseKey(options);
    return { createdCount: await importTasks(this.session, tasks, options) };
  }

  async updateTasks(request: contract.BulkUpdateRequest, options?: CallOptions): Promise<contract.BulkUpdateResult> {
    refuseKey(options);
    const { updates } = validateBulkChanges(request);
    const ids = updates.map(({ id }) => id);
    const updated = await withRowIndex("updates", ids, () => this.session.tasks.updateMany(updates, options));
    const byId = new Map(updated.map((row) => [row.id, row]));
    return { results: updates.map(({ id }) => ({ id, task: byId.get(id) ?? null })) };
  }

  async getTasksByTimerange(
    request: contract.TaskTimerangeRequest,
    options?: CallOptions,
  ): Promise<contract.TaskDto[]> {
    return this.session.tasks.findByTimerange(validate(taskTimerangeRequest, request), options);
  }

  async bulkUpdateState(
    request: contract.BulkUpdateStateRequest,
    options?: CallOptions,
  ): Promise<contract.BulkUpdateStateResult> {
    refuseKey(options);
    const valid = validateBulkUpdate(request);
    const update = () => this.session.tasks.bulkUpdateState(valid, options);
    return { updatedCount: await withRowIndex("taskIds", valid.taskIds, update) };
  }

  linkCalendarEvent(
    id: string,
    link: contract.CalendarEventLinkDto,
    options?: WriteOptions,
  ): Promise<contract.TaskDto> {
    return this.updateBy(calendarEventLinkDto, id, link, options);
  }

  async getTaskStatistics(
    request: contract.TaskStatisticsRequest,
    options?: CallOptions,
  ): Promise<contract.TaskStatisticsDto> {
    return this.session.tasks.statistics(validate(taskStatisticsRequest, request), options);
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
  readonly streamConversations = this.stream;
  readonly countConversations = this.count;
  readonly getConversation = this.find;
  readonly createConversation = this.create;
  readonly updateConversation = this.update;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, entities.conversations);
  }

  async appendMessages(
    id: string,
    input: contract.MessagesAppendDto,
    options?: CallOptions,
  ): Promise<contract.MessagesAppendResult> {
    refuseKey(options);
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
    options: PutOptions = {},
  ): Promise<contract.DemoFlagsDto> {
    const id = parseId(userId, "userId");
    const valid = validate(demoFlagsPutDto, flags);
    if (valid.userId !== undefined && valid.userId !== id) {
      throw new ValidationError([{ path: "userId", message: "must be the user of this call, or be left out" }]);
    }
    const { ifVersion } = options;
    if (ifVersion === undefined) return this.#session.demoFlags.put(id, valid, options);
    const name = "set of demo flags of user";
    if (ifVersion === null) {
      const created = await this.#session.demoFlags.create(id, valid, options);
      if (created === null) throw new VersionMismatchError(name, id);
      return created;
    }
    return runRetryable(this.#session, options, async ({ demoFlags }) => {
      assertVersion(name, id, await demoFlags.lockByUserId(id), { ifVersion });
      return demoFlags.put(id, valid, options);
    });
  }
}

/** Runs a bulk update of `ids`. If an adopted row breaks a rule, the issues' paths get its index in the request's `list`. */
async function withRowIndex<Result>(
  list: string,
  ids: readonly string[],
  update: () => Promise<Result>,
): Promise<Result> {
  try {
    return await update();
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const index = ids.indexOf(databaseErrorFacts(error.cause)?.id ?? "");
    if (index === -1) throw error;
    const issues = error.issues.map(({ path, message }) => ({ path: `${list}.${index}.${path}`, message }));
    throw new ValidationError(issues, { cause: error.cause });
  }
}

/** {@link contract.ChangeService} on a database session. */
class DaoChangeService implements contract.ChangeService {
  readonly #session: DatabaseSession;

  /** @param session a database; units of work have no changes */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listChanges(request: contract.ListChangesRequest = {}, options?: CallOptions): Promise<contract.ChangePage> {
    return this.#feed().list(validate(listChangesRequest, request), options);
  }

  async *followChanges(
    request: contract.FollowChangesRequest = {},
    options?: StreamOptions,
  ): AsyncGenerator<contract.ChangeDto> {
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
