import type { DaoServices, TaskDto } from "@flux/dao-core";

/** Scheduler: after it has created an event in the user's calendar, links it to the task. */
export async function linkCalendarEvent(
  services: DaoServices,
  taskId: string,
  calendarEventId: string,
): Promise<TaskDto> {
  const task = await services.tasks.linkCalendarEvent(taskId, { calendarEventId });
  console.log(`Linked task ${task.id} to calendar event ${task.calendarEventId}`);
  return task;
}
