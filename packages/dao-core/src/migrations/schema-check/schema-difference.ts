import { SchemaVersionError } from "../../contract/errors.ts";
import type { SchemaFact, SchemaFacts } from "./schema-facts.ts";

/** A named part of a migration. */
export interface MigrationStep {
  /** For messages: `0000_initial`. */
  readonly name: string;
  /** Each a single statement that ends in a semicolon. */
  readonly statements: readonly string[];
  /** What to do if rows violate it: a sentence. */
  readonly advice?: string;
  /** Whether it creates a key, which foreign keys may refer to. */
  readonly isKey?: boolean;
  /** Whether it is done after and outside of the transaction. */
  readonly isOnline?: boolean;
}

/** Something that the code needs, but that differs from the migrations, or that the role cannot use. */
export interface SchemaDifference {
  /** A clause: `the column tasks.priority is missing`. */
  readonly what: string;
  /** What `migrate()` does about it; `undefined` if it would have to guess about rows or undo a deliberate change. */
  readonly repair?: MigrationStep | undefined;
  /** What to do by hand if there is no repair: a sentence. */
  readonly advice?: string;
  /** Whether everything works without it, if more slowly or less safely. */
  readonly isBearable?: boolean;
  /** Whether it is a NOT NULL that the migrations did not set. */
  readonly isStricter?: boolean;
}

/** How many differences, and how many pieces of advice, a message contains. */
const MAX_NAMED = 5;
const MAX_ADVICE = 3;

export function schemaDifferenceError(
  differences: readonly SchemaDifference[],
  version: number,
  advice: string,
): SchemaVersionError {
  return new SchemaVersionError(
    `The schema is at version ${version}, which this code needs, but it cannot be used as it is: ` +
      `${listDifferences(differences)}. ${advice}`,
  );
}

export function listDifferences(differences: readonly SchemaDifference[]): string {
  const named = differences.slice(0, MAX_NAMED).map(({ what }) => what);
  if (differences.length > MAX_NAMED) named.push(`and ${differences.length - MAX_NAMED} more`);
  return named.join("; ");
}

/** Returns what to do, in sentences: by hand where necessary, by `migrate()` where possible. */
export function adviceFor(differences: readonly SchemaDifference[]): string {
  const byHand = [...new Set(differences.flatMap(({ advice }) => advice ?? []))].slice(0, MAX_ADVICE);
  const isRepairable = differences.some(({ repair }) => repair !== undefined);
  return [...byHand, ...(isRepairable ? ["Run migrate(), which repairs what can be repaired."] : [])].join(" ");
}

/** Quotes a name that the library did not choose. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * Returns what keeps this connection's role from using the tables, or the server from enforcing their rules on its writes.
 * @param isReadOnly whether it only reads
 */
export function findObstacles({ all, schema }: SchemaFacts, isReadOnly: boolean): SchemaDifference[] {
  const facts = isReadOnly ? all.flatMap(ofReads) : all;
  return facts.flatMap((fact) => obstacleOf(fact, schema.readable(fact.table)) ?? []);
}

/** The part of an obstacle that concerns reads. */
function ofReads(fact: SchemaFact): SchemaFact[] {
  const { kind, name, detail } = fact;
  if (kind === "policies") return name.startsWith("select") ? [{ ...fact, name: "select" }] : [];
  if (kind !== "privileges" || !/^(?:select|usage)/.test(detail)) return [];
  return [{ ...fact, detail: detail.replace(/^select[a-z, ]*? on /, "select on ") }];
}

function obstacleOf({ kind, name, detail }: SchemaFact, table: string): SchemaDifference | undefined {
  switch (kind) {
    case "replica identity":
      return {
        what: `${table} is published without a replica identity, so the server rejects every ${name.replace(", ", " and ")}`,
        advice: `Run: alter table ${table} replica identity default;`,
      };
    case "replication role":
      return {
        what: "the session_replication_role of this connection is replica, so the server does not enforce foreign keys",
        advice:
          `Run: alter role ${detail} reset session_replication_role; and the same for the database, if it is set there. ` +
          "Rows written in the meantime may refer to rows that do not exist.",
      };
    case "privileges":
      return {
        what: `the role may not ${detail.replace(/ to .*$/, "")}`,
        advice: `Run: grant ${detail};`,
        // Only those who read the change feed need its tables.
        isBearable: /\.flux_dao_\w+$/.test(table),
      };
    case "policies":
      return {
        what: `row-level security on ${table} has no policy that lets the role ${name}`,
        advice:
          `Create a policy on ${table} for ${detail}, drop those that exclude every row (using (false)), or use a ` +
          "role with BYPASSRLS.",
      };
    default:
      return undefined;
  }
}
