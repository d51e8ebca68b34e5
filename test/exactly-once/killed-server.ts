/**
 * The REST API in a process of its own, which kills itself with SIGKILL on command: at a moment of the parent's choice
 * within its n-th transaction from then on.
 */
import { type Database, type DatabaseSession, openDatabase, type TransactionOptions } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { startServer } from "@flux/dao-http/server";

/** Where in a transaction the process is killed. */
export type Moment = "before the work" | "before the commit" | "after the commit";

/** A command of the parent, which is echoed as the acknowledgement. */
export interface KillOrder {
  readonly moment: Moment;
  /** The number of the transaction from now on, starting at 1. */
  readonly transaction: number;
}

/** Sent to the parent at the start. */
export interface Started {
  readonly url: string;
}

/** A database whose transactions can kill the process. */
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

/** Never resolves: nothing may run after it. */
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
// The server ends with its parent.
process.on("disconnect", () => process.exit());
process.send?.({ url } satisfies Started);
