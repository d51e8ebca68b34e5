import type { CallOptions, StreamOptions, WriteOptions } from "../contract/call-options.ts";
import { ValidationError } from "../contract/errors.ts";
import { validate } from "../contract/fields/validation.ts";
import type * as contract from "../contract/index.ts";
import { calendarEventLinkDto, taskStatisticsRequest, taskTimerangeRequest } from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import { EntityService, task } from "./entity-service.ts";
import { validateBulkChanges, validateBulkUpdate } from "./long-lists.ts";
import { importTasks, type TaskSource } from "./task-import.ts";
import { streamTasks } from "./task-stream.ts";

/** {@link contract.TaskService} on a database session. */
export class DaoTaskService
  extends EntityService<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest>
  implements contract.TaskService
{
  readonly listTasks = this.list;
  readonly getTask = this.find;
  readonly createTask = this.create;
  readonly updateTask = this.update;
  readonly deleteTask = this.delete;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    super(session, task);
  }

  async createTasks(tasks: TaskSource, options?: CallOptions): Promise<contract.TaskImportResult> {
    return { createdCount: await importTasks(this.session, tasks, options) };
  }

  streamTasks(request: contract.TaskStreamRequest = {}, options?: StreamOptions): AsyncIterable<contract.TaskDto> {
    return streamTasks(this.session, request, options);
  }

  async updateTasks(request: contract.BulkUpdateRequest, options?: CallOptions): Promise<contract.BulkUpdateResult> {
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

/**
 * Runs a bulk update of the rows of `ids`. If an adopted row breaks a rule, the issues' paths get its index in the request.
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
