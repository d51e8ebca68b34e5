import { OPERATIONS, type OperationName } from "../operations.ts";

/** An in-process contender. */
export interface ContenderKind {
  readonly title: string;
  /** The numbers of concurrent callers with which it is measured. */
  readonly callers: readonly number[];
  /** The operations to measure, of those that it supports; default: all. */
  readonly only?: readonly OperationName[];
}

/** The number of concurrent callers at which every contender is measured. */
export const MAIN_CALLERS = 32;

const everywhere = [1, MAIN_CALLERS, 100];
const main = [MAIN_CALLERS];
const quick: readonly OperationName[] = (Object.keys(OPERATIONS) as OperationName[]).filter(
  (name) => OPERATIONS[name].pace === "quick",
);

/** The yardstick comes first. */
export const CONTENDERS = {
  postgres: { title: "postgres.js, by hand", callers: everywhere },
  ours: { title: "ours", callers: everywhere },
  "ours-unit-of-work": { title: "ours, in a unit of work", callers: main, only: quick },
  "postgres-transaction": { title: "postgres.js, by hand, in a transaction", callers: main, only: quick },
  "postgres-context": {
    title: "postgres.js, by hand, in a transaction with its context",
    callers: main,
    only: quick,
  },
  pg: { title: "pg, by hand, named statements", callers: everywhere },
  drizzle: { title: "Drizzle", callers: main },
  kysely: { title: "Kysely", callers: main },
  prisma: { title: "Prisma", callers: main },
  "mikro-orm": { title: "MikroORM", callers: main },
  typeorm: { title: "TypeORM", callers: main },
  "ours-unprepared": { title: "ours, prepare: false", callers: main, only: quick },
  "postgres-unprepared": { title: "postgres.js, by hand, prepare: false", callers: main, only: quick },
  "postgres-copy": { title: "postgres.js, by hand, COPY", callers: [] },
} as const satisfies Record<string, ContenderKind>;

export type ContenderName = keyof typeof CONTENDERS;
export const CONTENDER_NAMES = Object.keys(CONTENDERS) as ContenderName[];
export const YARDSTICK: ContenderName = "postgres";
