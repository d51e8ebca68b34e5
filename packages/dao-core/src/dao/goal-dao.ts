import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type {
  GoalCreateDto,
  GoalDto,
  GoalListRequest,
  GoalStructureCreateDto,
  GoalUpdateDto,
  GoalWithRelationsDto,
} from "../contract/goal.ts";
import type { GoalDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { findGoalWithRelations } from "./goal-relations.ts";
import { goalStatements } from "./goal-statements.ts";
import { createGoalWithStructure } from "./goal-structure.ts";
import { TableDao } from "./table-dao.ts";

/** Goals by SQL. */
export class SqlGoalDao extends TableDao<GoalDto, GoalCreateDto, GoalUpdateDto, GoalListRequest> implements GoalDao {
  constructor(executor: SqlExecutor) {
    super(executor, goalStatements);
  }

  createWithStructure(input: GoalStructureCreateDto, options?: CreateOptions): Promise<GoalWithRelationsDto> {
    return createGoalWithStructure(this.executor, input, options);
  }

  findWithRelations(id: string, options?: CallOptions): Promise<GoalWithRelationsDto | null> {
    return findGoalWithRelations(this.executor, id, options);
  }
}
