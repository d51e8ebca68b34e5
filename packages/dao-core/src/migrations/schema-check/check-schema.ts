import type { CallOptions } from "../../contract/call-options.ts";
import { SchemaVersionError, UnavailableError } from "../../contract/errors.ts";
import { type SchemaName, textLiteral } from "../../schema/schema-name.ts";
import type { SqlExecutor } from "../../session/driver.ts";
import { COMPARISON_VALIDITY } from "../../session/limits.ts";
import { databaseErrorFacts, isLossError, toDaoError } from "../../session/postgres-errors.ts";
import {
  COMPATIBLE_SINCE,
  hiddenJournalError,
  JOURNAL,
  newerSchemaError,
  ONLINE,
  unreadableJournalError,
} from "../journal.ts";
import { embeddedMigrations, type MigrationSet, schemaVersion } from "../migration-set.ts";
import { isLeftOnline } from "../online-statements.ts";
import { findObstacles, type SchemaDifference, schemaDifferenceError } from "./schema-difference.ts";
import { findSchemaDifferences } from "./schema-differences.ts";
import { readSchemaFacts } from "./schema-facts.ts";

/** SQLSTATEs of a changed schema: tables, columns, types, privileges, plans, ON CONFLICT, replica identities. */
const OF_SCHEMA = /^(?:42P01|42703|42704|42804|42501|0A000|42P10|55000)$/;

const SET: MigrationSet = embeddedMigrations;
const NEEDED = schemaVersion(SET);

/**
 * Checks that a database is usable: that it accepts writes, and that its schema is the one that this code needs, or a newer one that
 * is compatible with it. Online steps of migrations may be left. Each run is one
 * statement that reads the few rows of the journal, so that a readiness probe can run every second. The first run, one every
 * {@link COMPARISON_VALIDITY} ms, the run after a `statementFailed` that concerns the schema, and every run while there are
 * differences also compare the tables, columns, types and constraints themselves.
 * @param isReadOnly whether the database is only read: then it need not accept writes
 */
export function schemaCheck(schema: SchemaName, isReadOnly = false) {
  let validUntil = 0;
  return { run, statementFailed };

  /** @throws SchemaVersionError, which says what differs and what to do; UnavailableError, also if the database is read-only */
  async function run(executor: SqlExecutor, options?: CallOptions): Promise<void> {
    try {
      const isBearable = await checkVersion(executor, options);
      if (performance.now() < validUntil) return;
      const begun = performance.now();
      await compare(executor, isBearable, options);
      validUntil = begun + COMPARISON_VALIDITY;
    } catch (error) {
      validUntil = 0;
      throw toDaoError(error);
    }
  }

  /** Makes the next run compare the schema if `error` is about it, or a lost connection: the server may be another one. */
  function statementFailed(error: unknown): void {
    if (OF_SCHEMA.test(databaseErrorFacts(error)?.code ?? "") || isLossError(error)) validUntil = 0;
  }

  /** Returns which differences from the schema that this code needs are no obstacle. */
  async function checkVersion(executor: SqlExecutor, options?: CallOptions): Promise<IsBearable> {
    const journal = schema.qualified(JOURNAL);
    const text = `select max(version) as version, ${READ_ONLY} as read_only,
      row_security_active(${textLiteral(journal)}) as hides_rows,
      max(case when version > ${NEEDED} then ${COMPATIBLE_SINCE} else 0 end) as since, count(${ONLINE})::integer as online from ${journal} j`;
    const { rows } = await executor.execute(text, [], { ...options, kind: "point" }).catch((error: unknown) => {
      throw journalError(schema, error);
    });
    const [version, readOnly, hidesRows, compatibleSince, online] = rows[0] ?? [];
    const found = Number(version ?? 0);
    if (Number(compatibleSince) > NEEDED) throw newerSchemaError(found, NEEDED);
    if (typeof readOnly === "string" && !isReadOnly) {
      throw new UnavailableError(
        `The database is read-only: ${readOnly}. Connect to the primary, or wait until it accepts writes again.`,
        { cause: Object.assign(new Error(`No write was attempted: ${readOnly}.`), { code: "25006" }) },
      );
    }
    // What a newer, compatible migration has dropped, loosened or tightened on purpose; statements rely on the rest.
    if (found > NEEDED)
      return ({ repair, isStricter, isBearable }) => repair !== undefined || isStricter === true || isBearable === true;
    const withOnline = Number(online) > 0 ? SET.migrations : [];
    if (found === NEEDED) {
      return ({ isBearable, repair }) => isBearable === true || isLeftOnline(repair?.name, withOnline);
    }
    if (hidesRows === true) throw hiddenJournalError(schema);
    if (found === 0) throw absentSchemaError(schema);
    throw new SchemaVersionError(
      `The database's schema is at version ${found}, older than version ${NEEDED}, which this code needs. Run migrate().`,
    );
  }

  async function compare(executor: SqlExecutor, isBearable: IsBearable, options?: CallOptions): Promise<void> {
    const facts = await readSchemaFacts(executor, schema, embeddedMigrations.shape, options);
    if (!facts.hasTables) {
      throw new SchemaVersionError(
        `The journal flux_dao_migrations records version ${NEEDED}, which this code needs, but none of the tables exists. ` +
          "Restore them from a backup, or run migrate(), which recreates them empty.",
      );
    }
    const problems = [...findSchemaDifferences(facts), ...findObstacles(facts, isReadOnly)].filter(
      (difference) => !isBearable(difference),
    );
    if (problems.length > 0) throw schemaDifferenceError(problems, NEEDED, ADVICE);
  }
}

/** Why the database would refuse a write; NULL if it would not. */
const READ_ONLY = `case when pg_is_in_recovery() then 'it is a hot standby'
  when current_setting('transaction_read_only') = 'on' then 'its transactions are read-only (default_transaction_read_only)' end`;

type IsBearable = (difference: SchemaDifference) => boolean;

function journalError(schema: SchemaName, error: unknown): unknown {
  switch (databaseErrorFacts(error)?.code) {
    case "42P01": // no such table
      return absentSchemaError(schema, error);
    case "42501": // insufficient privilege
      return hiddenJournalError(schema, error);
    case "42703": // no such column
      return unreadableJournalError(error);
    default:
      return error;
  }
}

/** Contains no SQL and no role names, since `/ready` shows it to its callers. */
const ADVICE =
  "Run migrate() (flux-dao migrate), which repairs what it can, or diagnose() (flux-dao doctor), which says what to do.";

function absentSchemaError({ name }: SchemaName, cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    `The schema ${name} of the database has no tables of Flux DAO yet (version 0); this code needs version ${NEEDED}. Run migrate().`,
    { cause },
  );
}
