/** What makes up the tables, as far as the code relies on it. */
export interface SchemaShape {
  /** The values of the enum types, in order. */
  readonly enums: Readonly<Record<string, readonly string[]>>;
  readonly tables: Readonly<Record<string, TableShape>>;
}

/** One table, in words of SQL. */
export interface TableShape {
  /** `text`, `integer NOT NULL`, `boolean DEFAULT false NOT NULL` */
  readonly columns: Readonly<Record<string, string>>;
  /** `PRIMARY KEY (id)`, `CHECK (week_number >= 1)` */
  readonly constraints: Readonly<Record<string, string>>;
  /** `btree (goal_id)` */
  readonly indexes: Readonly<Record<string, string>>;
}
