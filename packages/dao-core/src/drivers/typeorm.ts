import type { SqlDriver } from "../session/driver.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's TypeORM `DataSource`, or of its `EntityManager`, that is used. */
export interface HostTypeOrm {
  /** Of the manager of a transaction. */
  readonly queryRunner?: object | undefined;
  /** Of a manager; `connection` before TypeORM 1. */
  readonly dataSource?: HostTypeOrm | undefined;
  readonly connection?: HostTypeOrm | undefined;
  query(text: string, parameters: unknown[]): Promise<unknown>;
  transaction<Result>(work: (manager: HostTypeOrm) => Promise<Result>): Promise<Result>;
}

/** TypeORM on `pg`. */
export function typeOrmDriver(host: HostTypeOrm, poolSize?: number): SqlDriver {
  const runnerOf = (handle: HostTypeOrm) => Object(handle.queryRunner);
  const dataSource = host.dataSource ?? host.connection;
  const isTransaction = Reflect.get(runnerOf(host), "isTransactionActive") === true;
  return hostDriver<HostTypeOrm>({
    description: "the application's TypeORM data source",
    handle: host,
    async execute(handle, text, values) {
      const result = await handle.query(text, values);
      // An UPDATE or DELETE returns the rows and their number.
      const rows: unknown = Array.isArray(result) && Array.isArray(result[0]) ? result[0] : result;
      return Array.isArray(rows) ? rows : [];
    },
    transaction: isTransaction ? undefined : (work) => host.transaction(work),
    connectionOf: (manager) => Reflect.get(runnerOf(manager), "databaseConnection"),
    toDriverError: (error) => Reflect.get(Object(error), "driverError") ?? error,
    beside: dataSource,
    pool: dataSource ?? host,
    poolSize,
  });
}
