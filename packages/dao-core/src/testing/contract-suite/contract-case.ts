import type { DaoServices } from "../../contract/services.ts";

/** One rule of the contract, as a test that any runner can run. */
export interface ContractCase {
  /** Cites where the rule stands: `contract, Data: …`. */
  readonly name: string;
  /**
   * Makes rows of its own, and looks at no others: it can run on a database that is in use, and beside other cases.
   * Rejects with an `AssertionError` if the rule does not hold.
   */
  run(services: DaoServices): Promise<void>;
}
