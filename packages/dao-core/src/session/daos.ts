import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type * as contract from "../contract/index.ts";
import type { Page } from "../contract/page.ts";

/**
 * CRUD on one entity. A DAO expects validated input. Called directly, it fills in the defaults and relies on the database's
 * constraints, which lead to the same errors.
 */
export interface EntityDao<Dto, Create, Update, ListRequest> {
  /** @throws ConflictError, RelatedRowMissingError, ValidationError */
  create(input: Create, options?: CreateOptions): Promise<Dto>;
  /** The row, or `null` if there is none. */
  findById(id: string, options?: CallOptions): Promise<Dto | null>;
  /** The same, and locks the row: no other transaction can change or delete it until this one ends. */
  lockById(id: string, options?: CallOptions): Promise<Dto | null>;
  /** One page, newest first. */
  list(request?: ListRequest, options?: CallOptions): Promise<Page<Dto>>;
  /**
   * Returns the changed row, or `null` if there is none.
   * @throws ConflictError, RelatedRowMissingError, ValidationError
   */
  update(id: string, changes: Update, options?: CallOptions): Promise<Dto | null>;
  /** Deletes the row and everything that belongs to it; returns whether it existed. */
  delete(id: string, options?: CallOptions): Promise<boolean>;
}

export type UserDao = EntityDao<
  contract.UserDto,
  contract.UserCreateDto,
  contract.UserUpdateDto,
  contract.UserListRequest
>;

export interface GoalDao
  extends EntityDao<contract.GoalDto, contract.GoalCreateDto, contract.GoalUpdateDto, contract.GoalListRequest> {
  /** Creates the whole structure or nothing, in one statement. */
  createWithStructure(
    input: contract.GoalStructureCreateDto,
    options?: CreateOptions,
  ): Promise<contract.GoalWithRelationsDto>;
  /** Returns the goal with its milestones and tasks in one snapshot, or `null` if there is none. */
  findWithRelations(id: string, options?: CallOptions): Promise<contract.GoalWithRelationsDto | null>;
}

export type MilestoneDao = EntityDao<
  contract.MilestoneDto,
  contract.MilestoneCreateDto,
  contract.MilestoneUpdateDto,
  contract.MilestoneListRequest
>;

/** A page whose rows are read as they are consumed: half a megabyte at a time, or one longer row. */
export interface PageInPieces<Dto> {
  readonly rows: AsyncIterable<readonly Dto[]>;
  readonly nextCursor: string | null;
}

export interface TaskDao
  extends EntityDao<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest> {
  /** As {@link list}, for a caller that iterates over the rows and keeps none. Absent if pages are read whole. */
  listInPieces?(request?: contract.TaskListRequest, options?: CallOptions): Promise<PageInPieces<contract.TaskDto>>;
  /** A user's tasks that start within the range, both ends included, by start time, then id. */
  findByTimerange(request: contract.TaskTimerangeRequest, options?: CallOptions): Promise<contract.TaskDto[]>;
  /**
   * Creates many tasks, all of them or none; returns how many.
   * @throws ConflictError, RelatedRowMissingError, ValidationError
   */
  createMany(tasks: readonly contract.TaskImportDto[], options?: CallOptions): Promise<number>;
  /**
   * Changes many tasks, each in its own way, all of them or none, locking them in the order of their ids; returns those
   * that exist, in any order. No id may come twice.
   * @throws RelatedRowMissingError, ValidationError
   */
  updateMany(changes: readonly contract.TaskChangeDto[], options?: CallOptions): Promise<contract.TaskDto[]>;
  /** Sets one state on many tasks, locking them in the order of their ids; returns how many there were. */
  bulkUpdateState(request: contract.BulkUpdateStateRequest, options?: CallOptions): Promise<number>;
  /** Counts a user's tasks that were created within the range, both ends included. */
  statistics(request: contract.TaskStatisticsRequest, options?: CallOptions): Promise<contract.TaskStatisticsDto>;
}

export interface ConversationDao
  extends EntityDao<
    contract.ConversationDto,
    contract.ConversationCreateDto,
    contract.ConversationUpdateDto,
    contract.ConversationListRequest
  > {
  /** Appends messages; returns how many there are then, or `null` if there is no such conversation. */
  appendMessages(id: string, input: contract.MessagesAppendDto, options?: CallOptions): Promise<number | null>;
}

export interface DemoFlagsDao {
  /** The user's flags, or `null` if none were set. */
  findByUserId(userId: string, options?: CallOptions): Promise<contract.DemoFlagsDto | null>;
  /** The same, and locks them: no other transaction can change or delete them until this one ends. */
  lockByUserId(userId: string, options?: CallOptions): Promise<contract.DemoFlagsDto | null>;
  /** Creates or replaces all fields. @throws RelatedRowMissingError if there is no such user */
  put(userId: string, flags: contract.DemoFlagsPutDto, options?: CallOptions): Promise<contract.DemoFlagsDto>;
  /** Whether there were flags. */
  delete(userId: string, options?: CallOptions): Promise<boolean>;
}

/** The key of a request: its caller, the caller's name for it, and a fingerprint of the request. */
export interface IdempotencyKey {
  readonly scope: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** What was recorded for a key. */
export interface IdempotencyRecord {
  readonly fingerprint: string;
  /** JSON text. */
  readonly result: string | null;
}

/** Records which work was done. Callers use {@link runOnce}. */
export interface IdempotencyKeyDao {
  /**
   * Claims the key for this transaction. Returns `null`, or the record of the key if it is younger than `lifetime` milliseconds.
   * Waits for a transaction that holds the same key.
   */
  claim(key: IdempotencyKey, lifetime: number, options?: CallOptions): Promise<IdempotencyRecord | null>;
  /** Records the result of a key that this transaction has claimed. */
  record(key: IdempotencyKey, result: string, options?: CallOptions): Promise<void>;
  /** Deletes keys older than `lifetime` milliseconds, `limit` of them at most; returns how many. */
  deleteExpired(lifetime: number, limit: number, options?: CallOptions): Promise<number>;
}

/** All DAOs, as a session and a unit of work carry them. */
export interface Daos {
  readonly users: UserDao;
  readonly goals: GoalDao;
  readonly milestones: MilestoneDao;
  readonly tasks: TaskDao;
  readonly conversations: ConversationDao;
  readonly demoFlags: DemoFlagsDao;
  readonly idempotencyKeys: IdempotencyKeyDao;
}
