/** What was looked at. */
export type FindingName = "server" | "schema" | "drift" | "rules" | "privileges" | "clock" | "indexes";

/** What one look at a database found. */
export interface Finding {
  readonly name: FindingName;
  readonly isWell: boolean;
  /** A sentence for a person: what is so, or what is wrong and how to mend it. */
  readonly message: string;
}

export const well = (name: FindingName, message: string): Finding => ({ name, isWell: true, message });
export const unwell = (name: FindingName, message: string): Finding => ({ name, isWell: false, message });
