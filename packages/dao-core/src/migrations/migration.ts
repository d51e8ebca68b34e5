/** One step of the schema, as drizzle-kit generated it. */
export interface Migration {
  /** 1 for the first, without gaps: the version of the schema once it is applied. */
  readonly version: number;
  /** Its file in `drizzle/` without the extension, such as `0000_initial`. */
  readonly name: string;
  /** SHA-256 of the file, in hex. It is kept in the journal and shows a file that was changed after it was applied. */
  readonly checksum: string;
  /** Statements separated by `--> statement-breakpoint`. */
  readonly sql: string;
}
