type Operation = (call: number) => Promise<unknown>;

/** Every operation, wrapped by `run`. */
export function inTransaction<Name extends string>(
  operations: Readonly<Record<Name, Operation>>,
  run: (name: Name, call: number) => Promise<unknown>,
): Readonly<Record<Name, Operation>> {
  const names = Object.keys(operations) as Name[];
  const entries = names.map((name): [Name, Operation] => [name, (call) => run(name, call)]);
  return Object.fromEntries(entries) as Record<Name, Operation>;
}
