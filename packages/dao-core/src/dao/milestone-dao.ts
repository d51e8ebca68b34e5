import type {
  MilestoneCreateDto,
  MilestoneDto,
  MilestoneListRequest,
  MilestoneUpdateDto,
} from "../contract/milestone.ts";
import { milestones } from "../schema/tables.ts";
import type { MilestoneDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { EntityStatements, TableDao } from "./table-dao.ts";

/** The statements on milestones, shared with structures. */
export const milestoneStatements = new EntityStatements<MilestoneDto>(milestones);

/** Milestones by SQL. */
export class SqlMilestoneDao
  extends TableDao<MilestoneDto, MilestoneCreateDto, MilestoneUpdateDto, MilestoneListRequest>
  implements MilestoneDao
{
  constructor(executor: SqlExecutor) {
    super(executor, milestoneStatements);
  }
}
