import * as z from "zod";
import { MAX_APPENDED_MESSAGES, messagesAppendDto } from "../contract/conversation.ts";
import { ValidationError } from "../contract/errors.ts";
import { parseValid, validate } from "../contract/fields/validation.ts";
import {
  goalStructureCreateDto,
  MAX_STRUCTURE_MILESTONES,
  MAX_STRUCTURE_TASKS,
  milestoneStructureDto,
} from "../contract/goal.ts";
import { bulkUpdateRequest, bulkUpdateStateRequest, MAX_BULK_TASKS, taskStructureDto } from "../contract/task.ts";

/*
 * Requests that contain a list. A list that is too long is rejected as a whole, before its items are validated, since each could
 * add an issue.
 */

/** Parses messages to append. @throws ValidationError */
export const validateAppend = validatorOf(messagesAppendDto, "messages", MAX_APPENDED_MESSAGES, "messages");
/** Parses a bulk update of states. @throws ValidationError */
export const validateBulkUpdate = validatorOf(bulkUpdateStateRequest, "taskIds", MAX_BULK_TASKS, "ids");
/** Parses a bulk update with a change per task. @throws ValidationError */
export const validateBulkChanges = validatorOf(bulkUpdateRequest, "updates", MAX_BULK_TASKS, "updates");

function validatorOf<Schema extends z.ZodType>(schema: Schema, list: string, max: number, what: string) {
  return (input: unknown): z.output<Schema> => {
    refuseLongList(list, listIn(input, list).length, max, what);
    return validate(schema, input);
  };
}

/** Validation of a structure stops at this many invalid tasks: building an issue costs more than checking a task. */
const MAX_INVALID_TASKS = 100;

/** Parses a structure. @throws ValidationError, which reports the first 100 invalid tasks at most */
export function validateStructure(input: unknown): z.output<typeof goalStructureCreateDto> {
  const milestones = listIn(input, "milestones");
  refuseLongList("milestones", milestones.length, MAX_STRUCTURE_MILESTONES, "milestones");
  const count = milestones.reduce<number>((sum, milestone) => sum + listIn(milestone, "tasks").length, 0);
  refuseLongList("milestones", count, MAX_STRUCTURE_TASKS, "tasks in total");
  const tasks = count > MAX_INVALID_TASKS ? validTasks(input, milestones) : undefined;
  const outline = tasks === undefined ? undefined : parseValid(structureOutline, input);
  if (tasks === undefined || outline === undefined) return validate(goalStructureCreateDto, input);
  return { ...outline, milestones: outline.milestones.map((own, index) => ({ ...own, tasks: tasks[index] ?? [] })) };
}

/** A structure whose tasks are not parsed. */
const structureOutline = goalStructureCreateDto.extend({
  milestones: z
    .array(milestoneStructureDto.extend({ tasks: z.array(z.unknown()).default(() => []) }))
    .default(() => []),
});

type ValidTask = z.output<typeof taskStructureDto>;

/** The tasks of each milestone, each parsed once; `undefined` if some are invalid. @throws ValidationError if 100 are */
function validTasks(input: unknown, milestones: readonly unknown[]): ValidTask[][] | undefined {
  let invalid = 0;
  const valid: ValidTask[][] = [];
  for (const [index, milestone] of milestones.entries()) {
    const own: ValidTask[] = [];
    valid.push(own);
    const tasks = listIn(milestone, "tasks");
    // Not by `map`, which passes over the gaps of a list.
    for (const [place, task] of tasks.entries()) {
      const parsed = parseValid(taskStructureDto, task);
      if (parsed !== undefined) own.push(parsed);
      else if (++invalid === MAX_INVALID_TASKS) {
        const last = { ...Object(milestone), tasks: tasks.slice(0, place + 1) };
        validate(goalStructureCreateDto, { ...Object(input), milestones: [...milestones.slice(0, index), last] });
      }
    }
  }
  return invalid === 0 ? valid : undefined;
}

function refuseLongList(path: string, length: number, max: number, what: string): void {
  if (length > max)
    throw new ValidationError([{ path, message: `must contain at most ${max} ${what}, not ${length}` }]);
}

/** A list in unvalidated input; empty if there is none. */
function listIn(input: unknown, name: string): readonly unknown[] {
  const list: unknown = Reflect.get(Object(input), name);
  return Array.isArray(list) ? list : [];
}
