import type { Kysely } from "kysely";

/**
 * The tables as Kysely sees them. The port's `entityRows` know which columns there are, and make DTOs of the rows: so they
 * are not written down a second time here.
 */
export type Tables = Record<string, Record<string, unknown>>;

/** The database, or a transaction within it. */
export type Db = Kysely<Tables>;
