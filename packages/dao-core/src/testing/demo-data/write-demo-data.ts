import type { TaskImportDto } from "../../contract/task.ts";
import { createDaoServices } from "../../service/dao-services.ts";
import type { DatabaseSession } from "../../session/database-session.ts";
import { DaoUnitOfWork } from "../../unit-of-work.ts";
import { type DemoDataOptions, makeDemoData } from "./demo-data.ts";
import type { DemoUser } from "./demo-user.ts";

/** Numbers of rows. */
export interface DemoDataCounts {
  readonly users: number;
  readonly goals: number;
  readonly milestones: number;
  readonly tasks: number;
  readonly conversations: number;
  readonly demoFlags: number;
}

/** How far {@link writeDemoData} has got. */
export interface DemoDataProgress {
  /** Rows that are committed. */
  readonly written: DemoDataCounts;
  /** Users that existed already and were skipped. */
  readonly present: number;
  /** Tasks made so far, those of skipped users included. */
  readonly tasksMade: number;
}

export interface WriteDemoDataOptions extends DemoDataOptions {
  /** Stops writing; uncommitted rows are rolled back. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** How many users to write at a time, each on its own connection. Default 4. */
  readonly concurrency?: number | undefined;
  /** Called after each user, and after every hundred tasks. Default: none. */
  readonly onProgress?: ((progress: DemoDataProgress) => void) | undefined;
}

/**
 * Writes the rows of {@link makeDemoData}. Each user is one unit of work, written completely or not at all. A user whose e-mail
 * address exists already is skipped, so repeating an interrupted call completes it. Memory does not grow with the number of
 * rows. `created_at` is the database's time of writing.
 * @throws ValidationError; the signal's reason; what {@link DaoUnitOfWork.run} throws
 */
export async function writeDemoData(
  session: DatabaseSession,
  { signal, concurrency = 4, onProgress, ...options }: WriteDemoDataOptions = {},
): Promise<DemoDataProgress> {
  const tally = new Tally(onProgress);
  const users = makeDemoData(options);
  // All workers share one source, which ends for all of them when one fails.
  const work = async () => {
    for (const user of users) {
      signal?.throwIfAborted();
      await writeUser(session, user, tally, signal);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return tally.progress();
}

async function writeUser(
  session: DatabaseSession,
  user: DemoUser,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<void> {
  const counts = await DaoUnitOfWork.run(
    session,
    async (uow) => {
      const services = createDaoServices(uow);
      const { total } = await services.users.listUsers({ email: user.data.email, pageSize: 1 });
      if (total !== 0) return undefined;
      await services.users.createUser(user.data, { id: user.id });
      if (user.demoFlags !== undefined) await services.demoFlags.putDemoFlags(user.id, user.demoFlags);
      let milestones = 0;
      let conversations = 0;
      for (const goal of user.goals) {
        await services.goals.createGoal(goal.data, { id: goal.id });
        for (const { id, data } of goal.milestones) await services.milestones.createMilestone(data, { id });
        milestones += goal.milestones.length;
        if (goal.conversation === undefined) continue;
        await services.conversations.createConversation(goal.conversation.data, { id: goal.conversation.id });
        conversations += 1;
      }
      const { createdCount: tasks } = await services.tasks.createTasks(tally.counting(tasksOf(user)));
      const demoFlags = user.demoFlags === undefined ? 0 : 1;
      return { users: 1, goals: user.goals.length, milestones, tasks, conversations, demoFlags };
    },
    { signal },
  );
  if (counts === undefined) tally.addPresent(user);
  else tally.add(counts);
}

function* tasksOf({ goals }: DemoUser): Generator<TaskImportDto> {
  for (const goal of goals) yield* goal.tasks;
}

/** How many tasks there are between two progress reports. */
const TASKS_PER_REPORT = 100;

class Tally {
  readonly #onProgress: ((progress: DemoDataProgress) => void) | undefined;
  #written: DemoDataCounts = { users: 0, goals: 0, milestones: 0, tasks: 0, conversations: 0, demoFlags: 0 };
  #present = 0;
  #tasksMade = 0;

  constructor(onProgress: ((progress: DemoDataProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  progress(): DemoDataProgress {
    return { written: this.#written, present: this.#present, tasksMade: this.#tasksMade };
  }

  add(counts: DemoDataCounts): void {
    const sum = this.#written;
    this.#written = {
      users: sum.users + counts.users,
      goals: sum.goals + counts.goals,
      milestones: sum.milestones + counts.milestones,
      tasks: sum.tasks + counts.tasks,
      conversations: sum.conversations + counts.conversations,
      demoFlags: sum.demoFlags + counts.demoFlags,
    };
    this.#onProgress?.(this.progress());
  }

  addPresent(user: DemoUser): void {
    this.#present += 1;
    this.#tasksMade += user.taskCount;
    this.#onProgress?.(this.progress());
  }

  *counting(tasks: Iterable<TaskImportDto>): Generator<TaskImportDto> {
    for (const task of tasks) {
      this.#tasksMade += 1;
      if (this.#tasksMade % TASKS_PER_REPORT === 0) this.#onProgress?.(this.progress());
      yield task;
    }
  }
}
