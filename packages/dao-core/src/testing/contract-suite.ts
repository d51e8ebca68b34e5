import { appendedMessagesCases } from "./contract-suite/appended-messages.ts";
import { batchCases } from "./contract-suite/batch.ts";
import { concurrencyCases } from "./contract-suite/concurrency.ts";
import type { ContractCase } from "./contract-suite/contract-case.ts";
import { conversationCases } from "./contract-suite/conversation.ts";
import { deleteCases } from "./contract-suite/deletes.ts";
import { demoFlagsCases } from "./contract-suite/demo-flags.ts";
import { filterCases } from "./contract-suite/filters.ts";
import { goalCases } from "./contract-suite/goal.ts";
import { goalStructureCases } from "./contract-suite/goal-structure.ts";
import { idCases } from "./contract-suite/ids.ts";
import { instantCases } from "./contract-suite/instants.ts";
import { jsonCases } from "./contract-suite/json.ts";
import { listCursorCases } from "./contract-suite/list-cursors.ts";
import { listCases } from "./contract-suite/lists.ts";
import { milestoneCases } from "./contract-suite/milestone.ts";
import { queryCases } from "./contract-suite/queries.ts";
import { signalCases } from "./contract-suite/signals.ts";
import { taskCases } from "./contract-suite/task.ts";
import { taskBulkUpdateCases } from "./contract-suite/task-bulk-update.ts";
import { taskImportCases } from "./contract-suite/task-import.ts";
import { taskStatisticsCases } from "./contract-suite/task-statistics.ts";
import { taskStreamCases } from "./contract-suite/task-stream.ts";
import { taskTimeCases } from "./contract-suite/task-times.ts";
import { taskUpdatesCases } from "./contract-suite/task-updates.ts";
import { textCases } from "./contract-suite/text.ts";
import { userCases } from "./contract-suite/user.ts";
import { versionCases } from "./contract-suite/versions.ts";

export { changeCases } from "./contract-suite/changes.ts";
export type { ContractCase } from "./contract-suite/contract-case.ts";
export { idempotencyCases, type SessionCase } from "./contract-suite/idempotency.ts";

/**
 * What every implementation of `DaoServices` must do, on any driver, ORM or transport. It does not depend on a test
 * runner:
 *
 * ```ts
 * for (const { name, run } of contractSuite) test(name, () => run(services));
 * ```
 */
export const contractSuite: readonly ContractCase[] = [
  ...userCases,
  ...goalCases,
  ...goalStructureCases,
  ...milestoneCases,
  ...taskCases,
  ...taskTimeCases,
  ...taskStatisticsCases,
  ...taskImportCases,
  ...taskStreamCases,
  ...taskUpdatesCases,
  ...taskBulkUpdateCases,
  ...conversationCases,
  ...appendedMessagesCases,
  ...demoFlagsCases,
  ...idCases,
  ...textCases,
  ...jsonCases,
  ...instantCases,
  ...listCases,
  ...listCursorCases,
  ...filterCases,
  ...queryCases,
  ...deleteCases,
  ...concurrencyCases,
  ...signalCases,
  ...versionCases,
  ...batchCases,
];
