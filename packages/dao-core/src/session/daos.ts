import type { CallOptions } from "../contract/call-options.ts";
import type {
  ConversationCreateDto,
  ConversationDto,
  ConversationListRequest,
  ConversationUpdateDto,
} from "../contract/conversation.ts";
import type { DemoFlagsDto, DemoFlagsPutDto } from "../contract/demo-flags.ts";
import type {
  GoalCreateDto,
  GoalDto,
  GoalListRequest,
  GoalStructureCreateDto,
  GoalUpdateDto,
  GoalWithRelationsDto,
} from "../contract/goal.ts";
import type {
  MilestoneCreateDto,
  MilestoneDto,
  MilestoneListRequest,
  MilestoneUpdateDto,
} from "../contract/milestone.ts";
import type { Page } from "../contract/page.ts";
import type {
  BulkUpdateStateRequest,
  TaskCreateDto,
  TaskDto,
  TaskListRequest,
  TaskStatisticsDto,
  TaskStatisticsRequest,
  TaskTimerangeRequest,
  TaskUpdateDto,
} from "../contract/task.ts";
import type { UserCreateDto, UserDto, UserListRequest, UserUpdateDto } from "../contract/user.ts";

/**
 * CRUD on one entity. A DAO takes what a service has validated. Called directly it fills in the defaults, and leaves the
 * rules to the database's constraints, which answer with the same errors.
 */
export interface EntityDao<Dto, Create, Update, ListRequest> {
  /** @throws ConflictError, RelatedRowMissingError, ValidationError */
  create(input: Create, options?: CallOptions): Promise<Dto>;
  /** The row, or `null` if there is none. */
  findById(id: string, options?: CallOptions): Promise<Dto | null>;
  /** One page, newest first. */
  list(request?: ListRequest, options?: CallOptions): Promise<Page<Dto>>;
  /**
   * The row as it is after the change, or `null` if there is none.
   * @throws ConflictError, RelatedRowMissingError, ValidationError
   */
  update(id: string, changes: Update, options?: CallOptions): Promise<Dto | null>;
  /** Whether there was such a row. What belongs to it goes with it. */
  delete(id: string, options?: CallOptions): Promise<boolean>;
}

export type UserDao = EntityDao<UserDto, UserCreateDto, UserUpdateDto, UserListRequest>;

export interface GoalDao extends EntityDao<GoalDto, GoalCreateDto, GoalUpdateDto, GoalListRequest> {
  /** All of the structure or nothing, in one statement. */
  createWithStructure(input: GoalStructureCreateDto, options?: CallOptions): Promise<GoalWithRelationsDto>;
  /** The goal with its milestones and tasks as of one moment, or `null` if there is none. */
  findWithRelations(id: string, options?: CallOptions): Promise<GoalWithRelationsDto | null>;
}

export type MilestoneDao = EntityDao<MilestoneDto, MilestoneCreateDto, MilestoneUpdateDto, MilestoneListRequest>;

export interface TaskDao extends EntityDao<TaskDto, TaskCreateDto, TaskUpdateDto, TaskListRequest> {
  /** A user's tasks that start within the range, both ends included, by start time, then id. */
  findByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]>;
  /** Sets one state on many tasks, locking them in the order of their ids; answers how many there were. */
  bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<number>;
  /** Counts a user's tasks that were created within the range, both ends included. */
  statistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto>;
}

export type ConversationDao = EntityDao<
  ConversationDto,
  ConversationCreateDto,
  ConversationUpdateDto,
  ConversationListRequest
>;

export interface DemoFlagsDao {
  /** The user's flags, or `null` if none were set. */
  findByUserId(userId: string, options?: CallOptions): Promise<DemoFlagsDto | null>;
  /** Creates or replaces all fields. @throws RelatedRowMissingError if there is no such user */
  put(userId: string, flags: DemoFlagsPutDto, options?: CallOptions): Promise<DemoFlagsDto>;
  /** Whether there were flags. */
  delete(userId: string, options?: CallOptions): Promise<boolean>;
}
