import type { WriteStream } from "node:tty";
import { ConflictError, createDaoServices, type Database, ValidationError } from "@flux/dao-core";
import { type DemoDataProgress, type DemoDataSize, demoDataSize, writeDemoData } from "@flux/dao-core/testing";
import { openExisting } from "../process/open-database.ts";
import { readDatabaseSettings } from "../process/settings.ts";
import { type CommandFlags, UsageError } from "./arguments.ts";
import { type Command, DATABASE_OPTIONS, writeStderr, writeStdout, writeWarnings } from "./command.ts";

const usage = `Usage: flux-dao seed [--users N] [--tasks N] [--seed N] [--from DATE] [--add] [--json]
                     [--database-url URL] [--schema NAME]

Fills the database in DATABASE_URL, which must be migrated, with demo data: users with goals, weekly milestones, tasks,
conversations and demo flags. Their addresses are at example.com. A database that has users is refused, unless --add is given.

  --users N     number of users  (one per hundred tasks; 100)
  --tasks N     number of tasks, of all users together  (a hundred per user)
  --seed N      a different seed generates different users  (1)
  --from DATE   the current day of the data, such as 2026-03-02: earlier tasks are done or were missed, later ones are
                scheduled  (today, in UTC)
  --add         also fills a database that has users; skips users of this seed that already exist
  --json        prints the result, or the error, as JSON
${DATABASE_OPTIONS}

The same seed, numbers and date generate the same rows, including ids; only created_at is the time of writing. Each user is
written completely or not at all. Ctrl-C stops between two users; the same command with --add continues.

Exit codes: 0 everything is written; 1 failed or stopped; 2 called wrongly.
`;

export const seedCommand: Command = {
  summary: "fill the database with demo data",
  usage,
  options: {
    users: { type: "string" },
    tasks: { type: "string" },
    seed: { type: "string" },
    from: { type: "string" },
    add: { type: "boolean" },
    json: { type: "boolean" },
  },
  settings: ["database-url", "schema"],
  async run(flags) {
    const size = sizeOf(flags);
    const settings = readDatabaseSettings(process.env);
    writeWarnings(settings.warnings);
    await using database = await openExisting(settings, { poolSize: CONCURRENCY });
    await database.checkReady();
    if (flags["add"] !== true) {
      const { total } = await createDaoServices(database).users.listUsers({ pageSize: 1 });
      if (total !== null && total > 0) {
        throw new ConflictError(
          `${database.description} already has ${grouped(total)} ${total === 1 ? "user" : "users"}. Nothing was written. To add ` +
            "demo data to them, or to continue a command that was stopped, add --add.",
        );
      }
    }
    return await write(database, size, flags["json"] === true);
  },
};

/** Users written at a time; more would wait for each other. */
const CONCURRENCY = 4;

function sizeOf(flags: CommandFlags): DemoDataSize {
  const options = {
    users: wholeNumber(flags, "users"),
    tasks: wholeNumber(flags, "tasks"),
    seed: wholeNumber(flags, "seed"),
    from: day(flags["from"]),
  };
  try {
    return demoDataSize(options);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new UsageError(error.issues.map(({ path, message }) => `--${path} ${message}.`).join(" "));
  }
}

function wholeNumber(flags: CommandFlags, name: string): number | undefined {
  const text = flags[name];
  if (typeof text !== "string") return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} must be a whole number, such as 100.`);
  return Number(text);
}

function day(text: string | boolean | undefined): Date | undefined {
  if (typeof text !== "string") return undefined;
  const date = new Date(`${text}T00:00:00Z`);
  // A Date converts February 30 to March 2.
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime()) && dayText(date) === text;
  if (!isDay) throw new UsageError("--from must be a day, such as 2026-03-02.");
  return date;
}

const dayText = (date: Date) => date.toISOString().slice(0, 10);

async function write(database: Database, size: DemoDataSize, isJson: boolean): Promise<number> {
  const start = performance.now();
  const { users, tasks } = size;
  const bar = progressBar(process.stderr, tasks || users, tasks > 0 ? "tasks" : "users");
  let progress = NOTHING_YET;
  const onProgress = (now: DemoDataProgress) => {
    progress = now;
    bar.update(tasks > 0 ? now.tasksMade : now.written.users + now.present);
  };
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    await writeDemoData(database, { ...size, concurrency: CONCURRENCY, signal: stop.signal, onProgress });
  } catch (error) {
    if (error !== stop.signal.reason) {
      bar.clear();
      writeStderr(...stoppedLines(progress, size, "Failed"));
      throw error;
    }
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  bar.clear();
  const isComplete = progress.written.users + progress.present === users;
  const { written, present } = progress;
  const milliseconds = Math.round(performance.now() - start);
  const result = { isComplete, ...size, from: dayText(size.from), written, present, milliseconds };
  if (isJson) await writeStdout(JSON.stringify(result));
  else if (isComplete) writeStderr(...completeLines(progress, size, milliseconds));
  else writeStderr(...stoppedLines(progress, size, "Stopped"));
  return isComplete ? 0 : 1;
}

const noRows = { users: 0, goals: 0, milestones: 0, tasks: 0, conversations: 0, demoFlags: 0 };
const NOTHING_YET: DemoDataProgress = { written: noRows, present: 0, tasksMade: 0 };

function completeLines({ written, present }: DemoDataProgress, size: DemoDataSize, milliseconds: number): string[] {
  const counts = Object.entries(written).map(([rows, count]) => `${grouped(count)} ${rows.replace("demoF", "demo f")}`);
  const passedOver = present === 0 ? "" : ` ${grouped(present)} users of this seed already existed.`;
  return [
    `Written in ${(milliseconds / 1_000).toFixed(1)} s: ${counts.join(", ")}.${passedOver}`,
    `To write the same rows elsewhere: ${commandFor(size)}`,
  ];
}

function stoppedLines({ written, present }: DemoDataProgress, size: DemoDataSize, how: string): string[] {
  return [
    `${how}: ${grouped(written.users + present)} of ${grouped(size.users)} users are written, each completely, and nothing of the others.`,
    `To continue: ${commandFor(size)} --add`,
  ];
}

function commandFor({ users, tasks, seed, from }: DemoDataSize): string {
  return `flux-dao seed --users ${users} --tasks ${tasks} --seed ${seed} --from ${dayText(from)}`;
}

/** Milliseconds between updates: of the bar, and of lines without a terminal. */
const REDRAW = 100;
const LINE_EVERY = 10_000;

const BAR = 24;

/** The progress of a long task: on a terminal a bar that is redrawn, elsewhere an occasional line. */
export function progressBar(
  stream: Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>,
  total: number,
  unit: string,
) {
  const isTerminal = stream.isTTY === true;
  const start = performance.now();
  let last = start;
  let isDrawn = false;
  const update = (made: number) => {
    const now = performance.now();
    if (now - last < (isTerminal ? REDRAW : LINE_EVERY)) return;
    last = now;
    const done = Math.min(made, total);
    const left = done === 0 ? "" : `, ${duration(((now - start) / done) * (total - done))} left`;
    const text = `${Math.floor((done / total) * 100)} %  ${grouped(done)} of ${grouped(total)} ${unit}${left}`;
    if (!isTerminal) {
      stream.write(`${text}\n`);
      return;
    }
    isDrawn = true;
    const bar = "#".repeat((done / total) * BAR).padEnd(BAR, "-");
    // Overwrites the previous line and erases its rest; never wraps, since a second line could not be overwritten.
    stream.write(`\r${`[${bar}] ${text}`.slice(0, (stream.columns || 80) - 1)}\u001b[K`);
  };
  /** Erases the bar, so that other lines can follow. */
  const clear = () => {
    if (isDrawn) stream.write("\r\u001b[K");
    isDrawn = false;
  };
  return { update, clear };
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}

/** `42 s`, `3 min 20 s`, `2 h 5 min` */
function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
