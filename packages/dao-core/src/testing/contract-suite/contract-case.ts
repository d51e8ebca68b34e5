import type { DaoServices } from "../../contract/services.ts";

/** One rule of the contract, as a test that any runner can run. */
export interface ContractCase {
  /** Cites the rule's source: `contract, Data: …`. */
  readonly name: string;
  /**
   * Creates its own rows and ignores others, so it can run on a database that is in use, in parallel with other cases.
   * Rejects with an `AssertionError` if the rule is violated.
   */
  run(services: DaoServices): Promise<void>;
}
