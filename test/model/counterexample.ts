/** Describes which calls violated the specification, and how. */
export class Counterexample extends Error {
  override name = "Counterexample";
}
