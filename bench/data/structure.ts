import type { GoalStructureCreateDto } from "@flux/dao-core";
import type { NewStructure } from "../handwritten/rows.ts";

const DAY = 86_400_000;

/**
 * A goal with this number of milestones and tasks per milestone, all fields set, with the column names that the hand-written
 * SQL uses.
 */
export function newStructure(userId: string, milestones: number, tasksEach: number, begin: Date): NewStructure {
  const at = (week: number, day: number) => new Date(begin.getTime() + (7 * week + day) * DAY);
  return {
    goal: { user_id: userId, title: "Run a half marathon", category: "health", timeline: "8 weeks", status: "active" },
    milestones: Array.from({ length: milestones }, (_, week) => ({
      week_number: week + 1,
      title: `Week ${week + 1}: build the base`,
      status: "pending",
      tasks: Array.from({ length: tasksEach }, (_, day) => ({
        title: `Run ${day + 3} km at an easy pace`,
        start_time: at(week, day),
        end_time: at(week, day + 0.04),
        state: "scheduled" as const,
        priority: "standard" as const,
        trigger_type: "time" as const,
        is_recurring: false,
        calendar_event_id: null,
      })),
    })),
  };
}

/** The same with the names that the services and ORMs use. */
export function toStructureDto({ goal, milestones }: NewStructure) {
  const { user_id: userId, ...goalFields } = goal;
  return {
    goal: { userId, ...goalFields },
    milestones: milestones.map(({ week_number: weekNumber, tasks, ...milestone }) => ({
      ...milestone,
      weekNumber,
      tasks: tasks.map((task) => ({
        title: task.title,
        startTime: toDate(task.start_time),
        endTime: toDate(task.end_time),
        state: task.state,
        priority: task.priority,
        triggerType: task.trigger_type,
        isRecurring: task.is_recurring,
        calendarEventId: task.calendar_event_id,
      })),
    })),
  } satisfies GoalStructureCreateDto;
}

function toDate(instant: Date | string | null): Date | null {
  return typeof instant === "string" ? new Date(instant) : instant;
}
