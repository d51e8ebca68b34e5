import type { DaoServices, TaskDto } from "@flux/dao-core";

/** Scheduler: links a created calendar event to its task. */
export async function linkCalendarEvent(
  services: DaoServices,
  taskId: string,
  calendarEventId: string,
): Promise<TaskDto> {
  const task = await services.tasks.linkCalendarEvent(taskId, { calendarEventId });
  console.log(`Linked task ${task.id} to calendar event ${task.calendarEventId}`);
  return task;
}
