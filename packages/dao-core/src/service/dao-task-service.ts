import type { CallOptions } from "../contract/call-options.ts";
import { NotFoundError } from "../contract/errors.ts";
import { parseId } from "../contract/id.ts";
import type { Page } from "../contract/page.ts";
import {
  type BulkUpdateStateRequest,
  type BulkUpdateStateResult,
  type CalendarEventLinkDto,
  calendarEventLinkDto,
  type TaskCreateDto,
  type TaskDto,
  type TaskListRequest,
  type TaskService,
  type TaskStatisticsDto,
  type TaskStatisticsRequest,
  type TaskTimerangeRequest,
  type TaskUpdateDto,
  taskCreateDto,
  taskListRequest,
  taskStatisticsRequest,
  taskTimerangeRequest,
  taskUpdateDto,
  validateBulkUpdate,
} from "../contract/task.ts";
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { found } from "./found.ts";

/** {@link TaskService} on a database session. */
export class DaoTaskService implements TaskService {
  readonly #session: DatabaseSession;

  /** @param session a database, or a unit of work to work inside of */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listTasks(request: TaskListRequest = {}, options?: CallOptions): Promise<Page<TaskDto>> {
    return this.#session.tasks.list(validate(taskListRequest, request), options);
  }

  async getTask(id: string, options?: CallOptions): Promise<TaskDto> {
    return found("task", id, await this.#session.tasks.findById(parseId(id), options));
  }

  async createTask(input: TaskCreateDto, options?: CallOptions): Promise<TaskDto> {
    return this.#session.tasks.create(validate(taskCreateDto, input), options);
  }

  async updateTask(id: string, changes: TaskUpdateDto, options?: CallOptions): Promise<TaskDto> {
    return found("task", id, await this.#session.tasks.update(parseId(id), validate(taskUpdateDto, changes), options));
  }

  async deleteTask(id: string, options?: CallOptions): Promise<void> {
    const isDeleted = await this.#session.tasks.delete(parseId(id), options);
    if (!isDeleted) throw new NotFoundError("task", id);
  }

  async getTasksByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]> {
    return this.#session.tasks.findByTimerange(validate(taskTimerangeRequest, request), options);
  }

  async bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<BulkUpdateStateResult> {
    const valid = validateBulkUpdate(request);
    return { updatedCount: await this.#session.tasks.bulkUpdateState(valid, options) };
  }

  async linkCalendarEvent(id: string, link: CalendarEventLinkDto, options?: CallOptions): Promise<TaskDto> {
    return found(
      "task",
      id,
      await this.#session.tasks.update(parseId(id), validate(calendarEventLinkDto, link), options),
    );
  }

  async getTaskStatistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto> {
    return this.#session.tasks.statistics(validate(taskStatisticsRequest, request), options);
  }
}
