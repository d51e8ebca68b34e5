import { createDaoServices, type DatabaseSession, type TaskImportDto } from "@flux/dao-core";
import { makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";

/** Tasks for more than two statements, so that a transaction is open. */
const TASKS_BEFORE_THE_PAUSE = 2_000;
/** The number of tasks of a whole source. */
export const TASKS_OF_A_SOURCE = TASKS_BEFORE_THE_PAUSE + 1;

/**
 * A source that pauses after its first tasks: {@link reached} resolves when the import reads on, `finish` and `fail` end the
 * pause.
 */
export class PausedSource {
  wasTouched = false;
  readonly reached: Promise<void>;
  finish: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly #task: TaskImportDto;
  readonly #before: number;
  readonly #resumed: Promise<void>;
  #pause: () => void = () => undefined;

  /** @param before number of tasks before the pause */
  constructor(task: TaskImportDto, before = TASKS_BEFORE_THE_PAUSE) {
    this.#task = task;
    this.#before = before;
    this.reached = new Promise((resolve) => {
      this.#pause = resolve;
    });
    this.#resumed = new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
    this.#resumed.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<TaskImportDto> {
    this.wasTouched = true;
    return this.#tasks();
  }

  async *#tasks(): AsyncGenerator<TaskImportDto> {
    for (let count = 0; count < this.#before; count++) yield this.#task;
    this.#pause();
    await this.#resumed;
    yield this.#task;
  }
}

/** Imports into a goal of their own, which are started in order. */
export class PausedImports {
  readonly task: TaskImportDto;
  readonly goalId: string;
  readonly #database: DatabaseSession;

  private constructor(database: DatabaseSession, goalId: string, task: TaskImportDto) {
    this.#database = database;
    this.goalId = goalId;
    this.task = task;
  }

  static async on(database: DatabaseSession): Promise<PausedImports> {
    const user = await database.users.create(makeUserData());
    const goal = await database.goals.create(makeGoalData(user.id));
    return new PausedImports(database, goal.id, makeTaskData(user.id, goal.id));
  }

  begin(options?: { signal?: AbortSignal; timeout?: number }, source = new PausedSource(this.task)) {
    const done = createDaoServices(this.#database).tasks.createTasks(source, options);
    done.catch(() => undefined);
    return { source, done };
  }

  beginMany(count: number) {
    return Array.from({ length: count }, () => this.begin());
  }

  /** The number of tasks in the database. */
  async written(): Promise<number> {
    return (await this.#database.tasks.list({ goalId: this.goalId, limit: 1 })).total ?? Number.NaN;
  }
}
