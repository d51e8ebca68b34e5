import { randomUUID } from "node:crypto";
import { type Database, type DatabaseOptions, openDatabase } from "@flux/dao-core";
import type { TestSession } from "./hosts.ts";
import { connect } from "./scratch-database.ts";

/** A superuser's connection to a database of a Citus cluster's coordinator, with `citus.enable_schema_based_sharding` on. */
export const citusUrl = process.env["TEST_CITUS_URL"];

/** A tenant: a schema on one node of the cluster. */
export interface CitusTenant extends TestSession {
  readonly database: Database;
  readonly schema: string;
}

export async function openCitusTenant(url: string, options: DatabaseOptions = {}): Promise<CitusTenant> {
  const schema = `tenant_${randomUUID().slice(0, 8)}`;
  const database = await openDatabase(url, { applicationName: schema, ...options, schema });
  await database.migrate();
  const drop = async () => {
    await database.close();
    const admin = connect(url);
    await admin.unsafe(`drop schema ${schema} cascade`);
    await admin.end();
  };
  return { database, schema, drop };
}

/** The cluster that `TEST_CITUS_URL` names, as an engine of suites that know no more of it. */
export const citusSessions = (options?: DatabaseOptions) =>
  citusUrl === undefined
    ? []
    : [{ engine: "Citus, in a tenant's schema", open: () => openCitusTenant(citusUrl, options) }];
