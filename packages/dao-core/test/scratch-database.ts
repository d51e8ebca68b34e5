import { randomUUID } from "node:crypto";
import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { inject } from "vitest";
import { type PostgresDriver, postgresDriver } from "../src/drivers/postgres/driver.ts";
import type { PostgresDriverOptions } from "../src/drivers/postgres/driver-options.ts";
import { MIGRATIONS_FINGERPRINT } from "../src/migrations/migrations.gen.ts";
import { postgresLocation } from "./postgres-location.ts";

/** An empty database for one test. */
export interface ScratchDatabase {
  readonly url: string;
  readonly name: string;
  /** A superuser's connection, for use outside the code under test. */
  readonly sql: postgres.Sql;
  /** Opens a driver for the code under test, closed at the end. */
  driver(options?: PostgresDriverOptions & { readonly url?: string }): PostgresDriver;
}

let migrated: Promise<string> | undefined;

/** The template that test databases are cloned from. */
async function migratedTemplate(): Promise<string> {
  const { drop } = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await drop();
  return `flux_template_${MIGRATIONS_FINGERPRINT}`;
}

/** Runs `work` on a migrated database of its own, a clone, which is dropped afterwards. */
export async function withMigratedDatabase<Result>(
  work: (database: ScratchDatabase) => Promise<Result>,
): Promise<Result> {
  migrated ??= migratedTemplate();
  return withScratchDatabase(work, await migrated);
}

/** Runs `work` on a database of its own, empty or a clone, which is dropped afterwards. */
export async function withScratchDatabase<Result>(
  work: (database: ScratchDatabase) => Promise<Result>,
  template = "template1",
): Promise<Result> {
  const name = `flux_scratch_${randomUUID().replaceAll("-", "")}`;
  const admin = connect(inject("adminUrl"));
  const drivers: PostgresDriver[] = [];
  try {
    await admin.unsafe(`create database ${name} template ${template} strategy file_copy`);
    const url = withDatabase(inject("adminUrl"), name);
    const sql = connect(url);
    try {
      return await work({
        url,
        name,
        sql,
        driver: ({ url: otherUrl = url, ...options } = {}) => {
          const driver = postgresDriver(postgresLocation(otherUrl), { poolSize: 2, ...options });
          drivers.push(driver);
          return driver;
        },
      });
    } finally {
      await Promise.all(drivers.map((driver) => driver.close(0)));
      await sql.end({ timeout: 0 });
      await admin.unsafe(`drop database if exists ${name} with (force)`);
    }
  } finally {
    await admin.end({ timeout: 0 });
  }
}

/** Runs `work` with a role that may only read the schema `public`. */
export async function withRole(
  database: ScratchDatabase,
  work: (url: string, role: string) => Promise<void>,
): Promise<void> {
  const role = `${database.name}_role`;
  await database.sql.unsafe(
    `create role ${role} login password 'secret'; revoke create on schema public from public;
     grant usage on schema public to ${role}`,
  );
  try {
    const url = new URL(database.url);
    url.username = role;
    url.password = "secret";
    await work(url.href, role);
  } finally {
    await database.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  }
}

/** Another connection to the same server, which may keep a transaction open. */
export function connect(url: string): postgres.Sql {
  return postgres(url, { max: 1, onnotice: () => undefined, onclose: () => undefined });
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
