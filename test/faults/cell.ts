import { setTimeout as delay } from "node:timers/promises";
import { type Database, openDatabase } from "@flux/dao-core";
import type { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { faultyNetwork } from "../faulty-network.ts";
import type { Fault, Scene } from "./faults.ts";
import { connect, type FaultyServer } from "./faulty-server.ts";
import { databaseOptions, RECOVERY } from "./limits.ts";
import {
  checkBackends,
  checkSlots,
  describeError,
  NeverSettledError,
  Service,
  watchUncaught,
  withinDeadline,
} from "./observers.ts";
import { isReadOnlyServer, outcomeOf } from "./outcome.ts";
import { Tally } from "./tally.ts";
import type { Shift, Workload } from "./workload.ts";

/** A cell of the matrix. */
export interface Cell {
  readonly workload: Workload;
  readonly fault: Fault;
  readonly workers: number;
  /** How many times the fault is injected. */
  readonly rounds: number;
}

/** Milliseconds that a worker pauses after an error, as callers do. */
const PAUSE_AFTER_ERROR = 20;

/**
 * Runs a cell on one pool, the same for all of its faults, since it has to recover.
 */
export async function runCell(server: FaultyServer, cell: Cell, random: Random): Promise<Tally> {
  const tally = new Tally();
  using _ = watchUncaught(() => tally);
  const name = cell.workload.database;
  await using network = await faultyNetwork(server.urlOf(name));
  const database = await openDatabase(cell.fault.needsNetwork ? network.url : server.urlOf(name), databaseOptions);
  const sql = connect(server.urlOf(name));
  try {
    if (name === "migrated") await sql`truncate users cascade`;
    for (let round = 0; round < cell.rounds; round++) {
      const shift = await whileWritable(() => cell.workload.begin({ database, sql, workers: cell.workers, random }));
      await runRound(cell, shift, { server, network, database: name, random, tally }, database);
      await whileWritable(() => shift.audit(sql, tally));
    }
  } catch (error) {
    // No fault is active here, so nothing may fail.
    tally.violate("foreign error", `between faults: ${describeError(error)}`);
  } finally {
    await sql.end({ timeout: 0 });
    await database.close(0);
  }
  // Later rejections are unhandled ones, which are counted too.
  await delay(0);
  return tally;
}

/**
 * Retries what writes between faults. A connection that was opened while the server was read-only reports that at its first
 * use, and within the time to recover there may be several.
 */
async function whileWritable<Result>(work: () => Promise<Result>): Promise<Result> {
  const end = performance.now() + RECOVERY;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isReadOnlyServer(error) || performance.now() > end) throw error;
      await delay(20);
    }
  }
}

/** Runs the workers, injects the fault, and checks that everything is as before. */
async function runRound(cell: Cell, shift: Shift, scene: Scene, database: Database): Promise<void> {
  const { fault, workload } = cell;
  const { random, server, tally } = scene;
  const over = new AbortController();
  const service = new Service();
  const crew = Array.from({ length: cell.workers }, (_, worker) =>
    work(cell, shift, worker, { tally, service, over: over.signal }),
  );
  await delay(random.fraction() * workload.busyFor);
  await fault.strike(scene);
  tally.faults++;
  service.faultEnded();
  await service.restored(database, tally);
  over.abort();
  await Promise.all(crew);
  await checkSlots(database, tally);
  await checkBackends(server, scene.database, tally);
}

interface Round {
  readonly tally: Tally;
  readonly service: Service;
  readonly over: AbortSignal;
}

/** The work of one worker until its shift ends. */
async function work(cell: Cell, shift: Shift, worker: number, { tally, service, over }: Round): Promise<void> {
  const { workload, fault } = cell;
  const what = `${workload.name}, ${fault.name}`;
  while (!over.aborted) {
    const operation = shift.next(worker);
    const begun = performance.now();
    try {
      await withinDeadline(() => operation.run(), workload.deadline, tally, what);
      tally.acknowledged++;
      if (operation.provesService !== false) service.served(begun);
      operation.settled("acknowledged");
    } catch (error) {
      if (error instanceof NeverSettledError) return;
      const outcome = outcomeOf(error, operation.unit);
      if (outcome === undefined) tally.violate("foreign error", describeError(error));
      else tally[outcome]++;
      operation.settled(outcome ?? "unknown");
      await delay(PAUSE_AFTER_ERROR);
    }
  }
}
