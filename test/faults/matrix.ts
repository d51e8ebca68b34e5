import type { Cell } from "./cell.ts";
import { type Fault, faults } from "./faults.ts";
import { POOL_SIZE } from "./limits.ts";
import type { Workload } from "./workload.ts";
import { abandonedWork } from "./workloads/abandoned-work.ts";
import { bulkUpdate } from "./workloads/bulk-update.ts";
import { migration } from "./workloads/migration.ts";
import { singleStatements } from "./workloads/single-statements.ts";
import { structureCreation } from "./workloads/structure-creation.ts";
import { nestedUnitOfWork, unitOfWork } from "./workloads/units-of-work.ts";

const workloads: readonly Workload[] = [
  singleStatements,
  unitOfWork,
  nestedUnitOfWork,
  abandonedWork,
  structureCreation,
  bulkUpdate,
  migration,
];

/** One worker, one for each connection, and more than there are connections. */
const CREWS = [1, POOL_SIZE, 3 * POOL_SIZE];

/** How often each fault is injected in a cell: less often if it takes long. */
const rounds: readonly (readonly [Fault, number])[] = [
  [faults.backendTerminated, 25],
  [faults.serverKilled, 10],
  [faults.serverPaused, 3],
  [faults.responseCut, 25],
  [faults.serverAbsent, 12],
  [faults.tableAltered, 25],
  [faults.serverReadOnly, 12],
];

/** Every cell; `share` scales the number of faults, at least one in each. */
export function* matrix(share: number): Generator<Cell> {
  for (const workload of workloads) {
    for (const [fault, count] of rounds) {
      // migrate() refuses a schema that was altered: schema-differences.test.ts.
      if (workload === migration && fault === faults.tableAltered) continue;
      for (const workers of CREWS) {
        yield { workload, fault, workers, rounds: Math.max(1, Math.round(count * share)) };
      }
    }
  }
}

export function cellName({ workload, fault, workers }: Cell): string {
  return `${workload.name} × ${fault.name} × ${workers} ${workers === 1 ? "worker" : "workers"}`;
}
