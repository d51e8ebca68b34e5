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
}

/** Quotes a name that the library did not choose. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

export function setDefault(table: string, column: string, value: string): MigrationStep {
  return {
    name: `the default of ${table}.${column}`,
    statements: [`ALTER TABLE "public"."${table}" ALTER COLUMN "${column}" SET DEFAULT ${value};`],
  };
}

export function setNotNull(table: string, column: string): MigrationStep {
  return {
    name: `NOT NULL of ${table}.${column}`,
    statements: [`ALTER TABLE "public"."${table}" ALTER COLUMN "${column}" SET NOT NULL;`],
    advice: `Find them: select * from public.${table} where ${column} is null;`,
  };
}

export function addEnumValue(
  type: string,
  value: string,
  values: readonly string[],
  present: readonly string[],
): MigrationStep {
  const next = values.slice(values.indexOf(value)).find((candidate) => present.includes(candidate));
  const place = next === undefined ? "" : ` BEFORE '${next}'`;
  return {
    name: `the value ${value} of ${type}`,
    statements: [`ALTER TYPE "public"."${type}" ADD VALUE '${value}'${place};`],
  };
}

/** A CHECK or foreign key that rows violate stays NOT VALID, as in an adopted database; a key cannot. */
export function addConstraint(table: string, name: string, definition: string): MigrationStep {
  const add = `ALTER TABLE "public"."${table}" ADD CONSTRAINT "${name}" ${definition}`;
  const keyColumns = /^(?:PRIMARY KEY|UNIQUE) \((.*)\)$/.exec(definition)?.[1];
  if (keyColumns !== undefined) {
    const groups = `group by ${keyColumns} having count(*) > 1`;
    return {
      name: `the constraint ${name}`,
      isKey: true,
      statements: [`${add};`],
      advice: `Find them: select ${keyColumns}, count(*) from public.${table} ${groups};`,
    };
  }
  const validate = `ALTER TABLE "public"."${table}" VALIDATE CONSTRAINT "${name}";`;
  return {
    name: `the constraint ${name}`,
    statements: [
      `${add} NOT VALID;`,
      `DO $validate$ BEGIN ${validate} EXCEPTION WHEN check_violation OR foreign_key_violation THEN NULL; END $validate$;`,
    ],
  };
}

export function renameConstraint(table: string, from: string, to: string): MigrationStep {
  return {
    name: `the name of the constraint ${to}`,
    statements: [`ALTER TABLE "public"."${table}" RENAME CONSTRAINT ${quoted(from)} TO "${to}";`],
  };
}

/** @param isInvalid whether a failed CREATE INDEX CONCURRENTLY has left one behind */
export function createIndex(table: string, name: string, definition: string, isInvalid: boolean): MigrationStep {
  const create = `CREATE INDEX "${name}" ON "public"."${table}" USING ${definition};`;
  return { name: `the index ${name}`, statements: isInvalid ? [`DROP INDEX "public"."${name}";`, create] : [create] };
}
