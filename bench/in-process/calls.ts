import type { TaskCreateDto, TaskPriority, TaskState } from "@flux/dao-core";
import type { Inputs } from "../data/inputs.ts";
import { newStructure, toStructureDto } from "../data/structure.ts";
import { LAST_PAGE, nth, scattered } from "../operations.ts";

/** A user and a time range. */
export interface Range {
  readonly userId: string;
  readonly start: Date;
  readonly end: Date;
}

/** Changes of one task, and its id; omitted fields are kept. */
export interface TaskChange {
  readonly id: string;
  readonly title?: string;
  readonly state?: TaskState;
  readonly priority?: TaskPriority;
}

/** A new task with all fields, as the ORMs take it too. */
export type FullTask = {
  readonly [Field in keyof Required<TaskCreateDto>]: Exclude<TaskCreateDto[Field], undefined>;
};

/** A goal with milestones and tasks to create, with both naming conventions. */
export interface Structure {
  readonly rows: ReturnType<typeof newStructure>;
  readonly dto: ReturnType<typeof toStructureDto>;
}

/** The arguments of the calls, the same for all contenders; `call` is the number of the call. */
export class Calls {
  readonly inputs: Inputs;
  readonly #weeks: readonly Range[];
  readonly #months: readonly Range[];
  readonly #changes: readonly (readonly TaskChange[])[];
  readonly smallStructure: Structure;
  readonly largeStructure: Structure;
  /** A task to create. */
  readonly task: FullTask;

  constructor(inputs: Inputs) {
    this.inputs = inputs;
    this.#weeks = inputs.weeks.map(toRange);
    this.#months = inputs.months.map(toRange);
    this.#changes = inputs.bulks.map((ids) => ids.map(changeOf));
    const begin = new Date(inputs.begin);
    const structure = (milestones: number, tasksEach: number): Structure => {
      const rows = newStructure(inputs.scratch.userId, milestones, tasksEach, begin);
      return { rows, dto: toStructureDto(rows) };
    };
    this.smallStructure = structure(8, 5);
    this.largeStructure = structure(20, 50);
    this.task = {
      ...inputs.scratch,
      title: "Run 5 km at an easy pace",
      startTime: begin,
      endTime: begin,
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: false,
      calendarEventId: null,
    };
  }

  readonly lastPage = LAST_PAGE;

  taskId(call: number): string {
    return nth(this.inputs.taskIds, call);
  }

  goalId(call: number): string {
    return nth(this.inputs.goalIds, call);
  }

  conversationId(call: number): string {
    return scattered(this.inputs.conversationIds, call);
  }

  week(call: number): Range {
    return nth(this.#weeks, call);
  }

  month(call: number): Range {
    return nth(this.#months, call);
  }

  /** Changes of one task. */
  change(call: number): { readonly id: string; readonly title: string; readonly state: TaskState } {
    return { id: this.taskId(call), title: "Run 6 km", state: nth(STATES, call) };
  }

  /** One state for a thousand tasks. */
  bulk(call: number): { readonly ids: string[]; readonly state: TaskState } {
    return { ids: [...scattered(this.inputs.bulks, call)], state: nth(STATES, call) };
  }

  /** A thousand tasks, each with changes of its own. */
  changes(call: number): readonly TaskChange[] {
    return scattered(this.#changes, call);
  }

  messages(call: number): { role: string; content: string }[] {
    return [{ role: "user", content: `I have run ${call % 10} km, and it felt easy.` }];
  }

  /** The tasks of an import, generated as they are consumed. */
  *imported(): Generator<FullTask> {
    for (let number = 0; number < this.inputs.importRows; number++) {
      yield { ...this.task, title: `Run ${number % 20} km`, state: nth(STATES, number) };
    }
  }
}

const STATES: readonly TaskState[] = ["drifted", "completed"];
const PRIORITIES: readonly TaskPriority[] = ["standard", "important", "must-not-miss"];

/** A third changes its title, a third its state, a third both and its priority. */
function changeOf(id: string, index: number): TaskChange {
  return {
    id,
    ...(index % 3 !== 1 && { title: `Run ${index % 20} km` }),
    ...(index % 3 !== 0 && { state: nth(STATES, index) }),
    ...(index % 3 === 2 && { priority: nth(PRIORITIES, index) }),
  };
}

function toRange({ userId, start, end }: Inputs["weeks"][number]): Range {
  return { userId, start: new Date(start), end: new Date(end) };
}
