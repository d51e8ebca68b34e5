import type { TaskState, TriggerType } from "@flux/dao-core";

/** The parts of the generated client that the bench uses; the client does not exist when types are checked. */
export interface PrismaModule {
  readonly PrismaPg: new (options: { connectionString: string; max: number }) => object;
  readonly PrismaClient: new (options: { adapter: object }) => PrismaClient;
}

export interface PrismaClient extends Delegates {
  $transaction<Result>(work: (transaction: Delegates) => Promise<Result>): Promise<Result>;
}

interface Delegates {
  readonly goal: Delegate<GoalModel>;
  readonly milestone: Delegate<MilestoneModel>;
  readonly task: Delegate<TaskModel>;
}

interface Delegate<Model> {
  findUnique(query: Query): Promise<Model | null>;
  findMany(query: Query): Promise<Model[]>;
  count(): Promise<number>;
  groupBy(query: Query): Promise<(Pick<Model, keyof Model> & { readonly _count: number })[]>;
  create(query: { readonly data: object }): Promise<Model>;
  createManyAndReturn(query: { readonly data: readonly object[] }): Promise<Model[]>;
  update(query: Query & { readonly data: object }): Promise<Model>;
  updateMany(query: Query & { readonly data: object }): Promise<{ readonly count: number }>;
}

interface Query {
  readonly where?: object;
  readonly orderBy?: readonly object[];
  readonly take?: number;
  readonly skip?: number;
  readonly include?: object;
  readonly by?: readonly string[];
  readonly _count?: true;
}

interface GoalModel {
  readonly id: string;
  readonly userId: string;
  readonly milestones?: readonly MilestoneModel[];
  readonly tasks?: readonly TaskModel[];
}

interface MilestoneModel {
  readonly id: string;
}

export interface TaskModel {
  readonly id: string;
  readonly state: TaskState;
  /** Prisma requires an identifier. */
  readonly priority: "standard" | "important" | "must_not_miss";
  readonly triggerType: TriggerType;
}
