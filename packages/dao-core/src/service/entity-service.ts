import type * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "../contract/call-options.ts";
import { NotFoundError, VersionMismatchError } from "../contract/errors.ts";
import { copyOf } from "../contract/fields/json.ts";
import { parseId } from "../contract/fields/scalars.ts";
import { invalid, validate } from "../contract/fields/validation.ts";
import * as contract from "../contract/index.ts";
import type { Count, Page, PageRequest } from "../contract/page.ts";
import { hasVersion } from "../contract/version.ts";
import type { Daos, DatabaseSession, EntityDao } from "../session/database-session.ts";
import type { ListedEntity } from "../session/piece-reads.ts";
import { runRetryable } from "../unit-of-work.ts";
import { streamRows } from "./row-stream.ts";

/** An entity: its name for messages, its DAO in a session, and the schemas of what callers send. */
interface Entity<Dto, Create, Update, List> {
  /** Singular and lower case. */
  readonly name: string;
  readonly dao: (session: DatabaseSession) => EntityDao<Dto, Create, Update, List>;
  readonly queries: Readonly<Record<"list" | "filter" | "stream", z.ZodType<List>>>;
  readonly create: z.ZodType<Create>;
  readonly update: z.ZodType<Update>;
}

type EntityOf<Dao> =
  Dao extends EntityDao<infer Dto, infer Create, infer Update, infer List> ? Entity<Dto, Create, Update, List> : never;

/** The filters of a list request. */
type FilterOf<List> = Omit<List, keyof PageRequest | "sort">;

export const entities: { readonly [Name in ListedEntity]: EntityOf<Daos[Name]> } = {
  users: {
    name: "user",
    dao: ({ users }) => users,
    queries: contract.userQueries,
    create: contract.userCreateDto,
    update: contract.userUpdateDto,
  },
  goals: {
    name: "goal",
    dao: ({ goals }) => goals,
    queries: contract.goalQueries,
    create: contract.goalCreateDto,
    update: contract.goalUpdateDto,
  },
  milestones: {
    name: "milestone",
    dao: ({ milestones }) => milestones,
    queries: contract.milestoneQueries,
    create: contract.milestoneCreateDto,
    update: contract.milestoneUpdateDto,
  },
  tasks: {
    name: "task",
    dao: ({ tasks }) => tasks,
    queries: contract.taskQueries,
    create: contract.taskCreateDto,
    update: contract.taskUpdateDto,
  },
  conversations: {
    name: "conversation",
    dao: ({ conversations }) => conversations,
    queries: contract.conversationQueries,
    create: contract.conversationCreateDto,
    update: contract.conversationUpdateDto,
  },
};

/** Whatever else is no request is refused: `null` must not select every row. */
export const requestOf = (request: unknown): unknown => (request === undefined ? {} : request);

/** CRUD, once, over any entity: validates, then calls its DAO. The services give the methods their names. */
export abstract class EntityService<Dto extends object, Create, Update, List extends PageRequest> {
  protected readonly session: DatabaseSession;
  readonly #entity: Entity<Dto, Create, Update, List>;
  readonly #dao: EntityDao<Dto, Create, Update, List>;

  constructor(session: DatabaseSession, entity: Entity<Dto, Create, Update, List>) {
    this.session = session;
    this.#entity = entity;
    this.#dao = entity.dao(session);
  }

  protected async list(request?: List, options?: CallOptions): Promise<Page<Dto>> {
    return this.#dao.list(validate(this.#entity.queries.list, requestOf(request)), options);
  }

  protected stream(
    request?: FilterOf<List> & Pick<PageRequest, "cursor">,
    options?: StreamOptions,
  ): AsyncIterable<Dto> {
    const source = { dao: this.#dao, isInTransaction: this.session.isTransaction };
    return streamRows(source, this.#entity.queries.stream, requestOf(request), options);
  }

  protected async count(filter?: FilterOf<List>, options?: CallOptions): Promise<Count> {
    return { total: await this.#dao.count(validate(this.#entity.queries.filter, requestOf(filter)), options) };
  }

  protected async find(id: string, options?: CallOptions): Promise<Dto> {
    return assertFound(this.#entity.name, id, await this.#dao.findById(parseId(id), options));
  }

  protected async create(input: Create, options?: CreateOptions): Promise<Dto> {
    return this.#dao.create(validate(this.#entity.create, input), withValidId(options));
  }

  protected update(id: string, changes: Update, options?: WriteOptions): Promise<Dto> {
    return this.updateBy(this.#entity.update, id, changes, options);
  }

  /** {@link update} of the fields that `schema` has. */
  protected async updateBy(
    schema: z.ZodType<Update>,
    id: string,
    changes: Update,
    options?: WriteOptions,
  ): Promise<Dto> {
    const key = parseId(id);
    const valid = validate(schema, options?.ifVersion === undefined ? changes : copyOf(changes));
    return await this.#write(key, options, (dao) => dao.update(key, valid, options));
  }

  protected async delete(id: string, options?: WriteOptions): Promise<void> {
    const key = parseId(id);
    await this.#write(key, options, async (dao) => (await dao.delete(key, options)) || null);
  }

  /** Writes one row, or returns `null`; if a version is required, in a transaction that locks the row and checks it first. */
  async #write<Result>(
    id: string,
    options: WriteOptions | undefined,
    write: (dao: EntityDao<Dto, Create, Update, List>) => Promise<Result | null>,
  ): Promise<Result> {
    const { name, dao } = this.#entity;
    if (options?.ifVersion === undefined) return assertFound(name, id, await write(this.#dao));
    return runRetryable(this.session, options, async (uow) => {
      assertVersion(name, id, assertFound(name, id, await dao(uow).lockById(id)), options);
      return assertFound(name, id, await write(dao(uow)));
    });
  }
}

/** @throws VersionMismatchError if `options` ask for a version that `row` does not have */
export function assertVersion(name: string, id: string, row: object | null, { ifVersion }: WriteOptions): void {
  if (ifVersion === undefined) return;
  if (typeof ifVersion !== "string" && !Array.isArray(ifVersion)) {
    throw invalid("ifVersion", "must be a version, as versionOf() returns it, or a list of versions");
  }
  if (row === null || !hasVersion(row, ifVersion)) throw new VersionMismatchError(name, id);
}

/** Returns the row that a DAO found. @throws NotFoundError if it is `null` */
export function assertFound<Row>(name: string, id: string, row: Row | null): Row {
  if (row === null) throw new NotFoundError(name, id);
  return row;
}

/** Returns create options whose client-supplied id is in lower case. @throws ValidationError if it is not a UUID */
export function withValidId(options: CreateOptions | undefined): CreateOptions | undefined {
  refuseKey(options);
  return options?.id === undefined ? options : { ...options, id: parseId(options.id) };
}

/** What the compiler checks, for callers without types. @throws ValidationError for an option of the client over HTTP */
export function refuseKey(options: (CallOptions & { readonly idempotencyKey?: unknown }) | undefined): void {
  if (options?.idempotencyKey === undefined) return;
  throw invalid("idempotencyKey", "is an option of the client over HTTP: in-process, run the call by runOnce()");
}
