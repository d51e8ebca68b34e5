import type { Operations } from "../operations.ts";
import type { Calls } from "./calls.ts";
import type { ContenderName } from "./contenders.ts";

/** Connects a contender to the database. */
type OpenContender = (url: string, calls: Calls) => Promise<Operations>;

/** The modules of the contenders, loaded on demand, so that a process loads only one of the libraries. */
const LOADERS: Readonly<Record<ContenderName, () => Promise<OpenContender>>> = {
  postgres: async () => (await import("./contenders/postgres.ts")).open,
  "postgres-transaction": async () => (await import("./contenders/postgres.ts")).openTransaction,
  "postgres-context": async () => (await import("./contenders/postgres.ts")).openTransactionContext,
  "postgres-unprepared": async () => (await import("./contenders/postgres.ts")).openUnprepared,
  "postgres-copy": async () => (await import("./contenders/postgres.ts")).openCopy,
  ours: async () => (await import("./contenders/ours.ts")).open,
  "ours-unit-of-work": async () => (await import("./contenders/ours.ts")).openUnitOfWork,
  "ours-unprepared": async () => (await import("./contenders/ours.ts")).openUnprepared,
  pg: async () => (await import("./contenders/pg.ts")).open,
  drizzle: async () => (await import("./contenders/drizzle.ts")).open,
  kysely: async () => (await import("./contenders/kysely.ts")).open,
  prisma: async () => (await import("./contenders/prisma.ts")).open,
  "mikro-orm": async () => (await import("./contenders/mikro-orm.ts")).open,
  typeorm: async () => (await import("./contenders/typeorm.ts")).open,
};

export async function openContender(name: ContenderName, url: string, calls: Calls): Promise<Operations> {
  return (await LOADERS[name]())(url, calls);
}
