import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "../contract/call-options.ts";
import { ValidationError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/text.ts";
import { validate } from "../contract/fields/validation.ts";
import type { Page } from "../contract/page.ts";
import {
  type BulkUpdateRequest,
  type BulkUpdateResult,
  type BulkUpdateStateRequest,
  type BulkUpdateStateResult,
  type CalendarEventLinkDto,
  calendarEventLinkDto,
  type TaskCreateDto,
  type TaskDto,
  type TaskImportResult,
  type TaskListRequest,
  type TaskService,
  type TaskStatisticsDto,
  type TaskStatisticsRequest,
  type TaskStreamRequest,
  type TaskTimerangeRequest,
  type TaskUpdateDto,
  taskCreateDto,
  taskListRequest,
  taskStatisticsRequest,
  taskTimerangeRequest,
  taskUpdateDto,
} from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import { assertFound, conditionalWrite, withValidId } from "./conditional-write.ts";
import { validateBulkChanges, validateBulkUpdate } from "./long-lists.ts";
import { importTasks, type TaskSource } from "./task-import.ts";
import { streamTasks } from "./task-stream.ts";

const task = { name: "task", dao: (session: DatabaseSession) => session.tasks };

/** {@link TaskService} on a database session. */
export class DaoTaskService implements TaskService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listTasks(request: TaskListRequest = {}, options?: CallOptions): Promise<Page<TaskDto>> {
    return this.#session.tasks.list(validate(taskListRequest, request), options);
  }

  async getTask(id: string, options?: CallOptions): Promise<TaskDto> {
    return assertFound("task", id, await this.#session.tasks.findById(parseId(id), options));
  }

  async createTask(input: TaskCreateDto, options?: CreateOptions): Promise<TaskDto> {
    return this.#session.tasks.create(validate(taskCreateDto, input), withValidId(options));
  }

  async createTasks(tasks: TaskSource, options?: CallOptions): Promise<TaskImportResult> {
    return { createdCount: await importTasks(this.#session, tasks, options) };
  }

  streamTasks(request: TaskStreamRequest = {}, options?: StreamOptions): AsyncIterable<TaskDto> {
    return streamTasks(this.#session, request, options);
  }

  async updateTasks(request: BulkUpdateRequest, options?: CallOptions): Promise<BulkUpdateResult> {
    const { updates } = validateBulkChanges(request);
    const ids = updates.map(({ id }) => id);
    const updated = await withRowIndex("updates", ids, () => this.#session.tasks.updateMany(updates, options));
    const byId = new Map(updated.map((row) => [row.id, row]));
    return { results: updates.map(({ id }) => ({ id, task: byId.get(id) ?? null })) };
  }

  async updateTask(id: string, changes: TaskUpdateDto, options?: WriteOptions): Promise<TaskDto> {
    const key = parseId(id);
    const valid = validate(taskUpdateDto, changes);
    return conditionalWrite(this.#session, task, key, options, (tasks) => tasks.update(key, valid, options));
  }

  async deleteTask(id: string, options?: WriteOptions): Promise<void> {
    const key = parseId(id);
    await conditionalWrite(this.#session, task, key, options, (tasks) => tasks.delete(key, options));
  }

  async getTasksByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]> {
    return this.#session.tasks.findByTimerange(validate(taskTimerangeRequest, request), options);
  }

  async bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<BulkUpdateStateResult> {
    const valid = validateBulkUpdate(request);
    const update = () => this.#session.tasks.bulkUpdateState(valid, options);
    return { updatedCount: await withRowIndex("taskIds", valid.taskIds, update) };
  }

  async linkCalendarEvent(id: string, link: CalendarEventLinkDto, options?: WriteOptions): Promise<TaskDto> {
    const key = parseId(id);
    const valid = validate(calendarEventLinkDto, link);
    return conditionalWrite(this.#session, task, key, options, (tasks) => tasks.update(key, valid, options));
  }

  async getTaskStatistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto> {
    return this.#session.tasks.statistics(validate(taskStatisticsRequest, request), options);
  }
}

/**
 * Runs a bulk update of the rows of `ids`. Where an adopted row breaks a rule, the issues' paths get its index in the request.
 * @param list the name of the request's list
 */
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
