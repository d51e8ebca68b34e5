/**
 * The REST API in a process of its own, which kills itself with SIGKILL on command: its n-th transaction from then on does
 * not get past a moment of the parent's choice.
 */
import { type Database, type DatabaseSession, openDatabase, type TransactionOptions } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { startServer } from "@flux/dao-http/server";

/** Where a transaction's process dies. */
export type Moment = "before the work" | "before the commit" | "after the commit";

/** What the parent sends; the answer is the same order. */
export interface KillOrder {
  readonly moment: Moment;
  /** Which transaction from now on, from 1. */
  readonly transaction: number;
}

/** What the parent is told at the start. */
export interface Started {
  readonly url: string;
}

/** A database whose transactions can be the end of the process. */
class KillingSession implements DatabaseSession {
  readonly users;
  readonly goals;
  readonly milestones;
  readonly tasks;
  readonly conversations;
  readonly demoFlags;
  readonly idempotencyKeys;
  readonly isTransaction = false;
  order: KillOrder | undefined;
  readonly #database: Database;
  #begun = 0;

  constructor(database: Database) {
    this.#database = database;
    this.users = database.users;
    this.goals = database.goals;
    this.milestones = database.milestones;
    this.tasks = database.tasks;
    this.conversations = database.conversations;
    this.demoFlags = database.demoFlags;
    this.idempotencyKeys = database.idempotencyKeys;
  }

  obey(order: KillOrder): void {
    this.order = order;
    this.#begun = 0;
  }

  async transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    this.#begun++;
    const dieAt = this.#begun === this.order?.transaction ? this.order.moment : undefined;
    if (dieAt === "before the work") await die();
    const result = await this.#database.transaction(async (transaction) => {
      const done = await work(transaction);
      if (dieAt === "before the commit") await die();
      return done;
    }, options);
    if (dieAt === "after the commit") await die();
    return result;
  }
}

/** Never resolves: nothing may come after it. */
function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

const database = await openDatabase(String(process.env["DATABASE_URL"]), { poolSize: 8 });
const session = new KillingSession(database);
const app = createDaoApp({ services: session, keys: [{ name: "client", key: "client-key" }] });
const { url } = await startServer({ app, port: 0, database });
process.on("message", (order: KillOrder) => {
  session.obey(order);
  process.send?.(order);
});
// A parent that has gone needs no server.
process.on("disconnect", () => process.exit());
process.send?.({ url } satisfies Started);
