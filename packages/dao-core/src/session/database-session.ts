import type * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions } from "../contract/call-options.ts";
import type * as contract from "../contract/index.ts";
import type { Page } from "../contract/page.ts";
import type { Instrumentation } from "./instrumentation.ts";
import type { PieceReads } from "./piece-reads.ts";

/** A page whose rows are read as they are consumed: half a megabyte at a time, or one longer row. */
export interface PageInPieces<Dto> {
  readonly rows: AsyncIterable<readonly Dto[]>;
  readonly nextCursor: string | null;
}

/** CRUD on one entity. Expects validated input; otherwise the database's constraints cause the same errors. Fills in defaults. */
export interface EntityDao<Dto, Create, Update, ListRequest> {
  /** @throws ConflictError, RelatedRowMissingError, ValidationError */
  create(input: Create, options?: CreateOptions): Promise<Dto>;
  /** The row, or `null` if there is none. */
  findById(id: string, options?: CallOptions): Promise<Dto | null>;
  /** The same, and locks the row: no other transaction can change or delete it until this one ends. */
  lockById(id: string, options?: CallOptions): Promise<Dto | null>;
  /** One page, newest first unless sorted otherwise. */
  list(request?: ListRequest, options?: CallOptions): Promise<Page<Dto>>;
  /** As {@link list}, for a caller that iterates over the rows and keeps none. Absent if pages are read whole. */
  listInPieces?(request?: ListRequest, options?: CallOptions): Promise<PageInPieces<Dto>>;
  /** The number of rows that a request's filters select. */
  count(request?: ListRequest, options?: CallOptions): Promise<number>;
  /** The changed row, or `null` if there is none. @throws ConflictError, RelatedRowMissingError, ValidationError */
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

export interface TaskDao
  extends EntityDao<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest> {
  /** A user's tasks that start within the range, both ends included, by start time, then id. */
  findByTimerange(request: contract.TaskTimerangeRequest, options?: CallOptions): Promise<contract.TaskDto[]>;
  /** Creates many tasks, or none; returns how many. @throws ConflictError, RelatedRowMissingError, ValidationError */
  createMany(tasks: readonly contract.TaskImportDto[], options?: CallOptions): Promise<number>;
  /**
   * Changes many tasks, each differently, or none, locking them in the order of their ids, which must not repeat. Returns those
   * that exist, in any order. @throws RelatedRowMissingError, ValidationError
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
  /** Creates the user's flags; `null` if there are some. @throws RelatedRowMissingError if there is no such user */
  create(userId: string, flags: contract.DemoFlagsPutDto, options?: CallOptions): Promise<contract.DemoFlagsDto | null>;
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
  /** Claims the key, after a transaction that holds it. Returns its record if it is younger than `lifetime` ms, or `null`. */
  claim(key: IdempotencyKey, lifetime: number, options?: CallOptions): Promise<IdempotencyRecord | null>;
  /** Records the result of a key that this transaction has claimed. */
  record(key: IdempotencyKey, result: string, options?: CallOptions): Promise<void>;
  /** Deletes all keys older than `lifetime` milliseconds, `limit` at a time; returns how many. */
  deleteExpired(lifetime: number, limit: number, options?: CallOptions): Promise<number>;
}

/** The change feed of a schema. Expects validated input; otherwise as {@link contract.ChangeService}. */
export interface ChangeFeed {
  list(request: ChangesToList, options?: CallOptions): Promise<contract.ChangePage>;
  follow(request: ChangesToFollow, options?: StreamOptions): AsyncIterable<contract.ChangeDto>;
  /**
   * Deletes the changes that are older than the database keeps them, a thousand at a time, and returns how many; 0 if there is no
   * feed. Call it from time to time, as the HTTP server does. @throws UnavailableError
   */
  deleteExpired(options?: CallOptions): Promise<number>;
}

export type ChangesToFollow = z.output<typeof contract.followChangesRequest>;
export type ChangesToList = z.output<typeof contract.listChangesRequest>;

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

export const ISOLATION_LEVELS = ["read committed", "repeatable read", "serializable"] as const;

/** The isolation of a transaction: PostgreSQL's three levels. */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** How a transaction runs. */
export interface TransactionOptions extends CallOptions {
  /** Default: the database's, which is `read committed` unless it was changed. */
  readonly isolationLevel?: IsolationLevel | undefined;
  /** Default `false`. */
  readonly readOnly?: boolean | undefined;
  /** Milliseconds that a statement of the transaction may run. Default: the session's. */
  readonly statementTimeout?: number | undefined;
  /** Milliseconds that a statement may wait for a lock. Default: the session's. */
  readonly lockTimeout?: number | undefined;
}

/**
 * The port to the database: a DAO for each of the six entities, one for idempotency keys, and transactions. A service takes any
 * session, whether a pool or an open transaction. An ORM with queries of its own implements this interface, and nothing else.
 */
export interface DatabaseSession extends Daos {
  /** Whether this is an open transaction: then {@link transaction} is a savepoint within it. */
  readonly isTransaction: boolean;
  /** Whether calls that do not await each other run in their order, as in transactions of our drivers. Default `false`. */
  readonly ordersCalls?: boolean | undefined;
  /** A session on the same connections whose tables are in another schema. Absent if there is one schema only. */
  withSchema?(schema: string): DatabaseSession;
  /** Reads whose memory does not depend on the length of rows, for callers that pass rows on. Absent if there are none. */
  readonly pieces?: PieceReads | undefined;
  /** The changes that were committed. Absent in a transaction. */
  readonly changes?: ChangeFeed | undefined;
  /** Notified when a unit of work on it is retried. Default: none. */
  readonly telemetry?: Instrumentation | undefined;

  /**
   * Runs `work` in a transaction, which is committed when its promise fulfils, and rolled back when it rejects, at the timeout or
   * abort, or when the connection is lost, whatever `work` still does. If the session is a transaction itself, `work` runs in a
   * savepoint, and options other than `signal` and `timeout` are rejected.
   *
   * Callers use {@link DaoUnitOfWork.run}, which adds retries and callbacks after the commit.
   * @throws RetryableError, TransactionLostError, UnavailableError, and whatever `work` throws
   */
  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;

  /**
   * Runs `work`, an import that writes rows as its source produces them. Few imports run at a time, so that slow sources leave
   * connections to other calls. Absent if imports are not limited.
   * @throws UnavailableError if too many wait, or this one has waited too long; the signal's reason; what `work` throws
   */
  runImport?<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}
