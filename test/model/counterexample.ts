/** Says which calls broke the specification, and how. */
export class Counterexample extends Error {
  override name = "Counterexample";
}
