import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { runCell } from "./cell.ts";
import { type Fault, faults } from "./faults.ts";
import { FaultyServer } from "./faulty-server.ts";
import { POOL_SIZE } from "./limits.ts";
import type { Workload } from "./workload.ts";
import { abandonedWork } from "./workloads/abandoned-work.ts";
import { bulkUpdate } from "./workloads/bulk-update.ts";
import { migration } from "./workloads/migration.ts";
import { singleStatements } from "./workloads/single-statements.ts";
import { structureCreation } from "./workloads/structure-creation.ts";
import { nestedUnitOfWork, unitOfWork } from "./workloads/units-of-work.ts";

/** A slice of the kill matrix: every fault and every kind of work. `pnpm test:faults` runs all of it. */
const slice: readonly { workload: Workload; fault: Fault; workers: number; rounds: number }[] = [
  { workload: unitOfWork, fault: faults.backendTerminated, workers: POOL_SIZE, rounds: 5 },
  { workload: structureCreation, fault: faults.serverKilled, workers: POOL_SIZE, rounds: 1 },
  { workload: singleStatements, fault: faults.serverPaused, workers: 3 * POOL_SIZE, rounds: 1 },
  { workload: nestedUnitOfWork, fault: faults.responseCut, workers: POOL_SIZE, rounds: 5 },
  { workload: abandonedWork, fault: faults.backendTerminated, workers: 3 * POOL_SIZE, rounds: 5 },
  { workload: abandonedWork, fault: faults.responseCut, workers: POOL_SIZE, rounds: 3 },
  { workload: bulkUpdate, fault: faults.serverAbsent, workers: 3 * POOL_SIZE, rounds: 2 },
  { workload: unitOfWork, fault: faults.tableAltered, workers: 3 * POOL_SIZE, rounds: 4 },
  { workload: nestedUnitOfWork, fault: faults.serverReadOnly, workers: POOL_SIZE, rounds: 3 },
  { workload: migration, fault: faults.backendTerminated, workers: 1, rounds: 5 },
];

let server: FaultyServer;
beforeAll(async () => {
  server = await FaultyServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const seed = Math.floor(Math.random() * 2 ** 31);

test.each(slice)("$workload.name, $fault.name: nothing lost, nothing half-written, nothing stuck", async (cell) => {
  const tally = await runCell(server, cell, new Random(seed));
  expect(tally.details, `seed ${seed}`).toEqual([]);
  expect(tally.faults).toBe(cell.rounds);
  expect(tally.acknowledged).toBeGreaterThan(0);
  expect(tally.refused + tally.unknown).toBeGreaterThan(0);
});
