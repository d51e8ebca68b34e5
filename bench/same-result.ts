const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The contender and the operation under comparison. */
interface Question {
  readonly operation: string;
  readonly contender: string;
  /** Whether it created rows. */
  readonly creates: boolean;
}

/**
 * Asserts that a contender did the same work as the yardstick: their results, as JSON, must have the same fields and values.
 * Names may be snake_case or camelCase, and a null field may be absent. Cursors are not compared; of created rows, ids only
 * need to be in the same places, and creation times are not compared.
 */
export function assertSameResult(
  { operation, contender, creates }: Question,
  actual: unknown,
  expected: unknown,
): void {
  const [one, other] = [actual, expected].map((result) => JSON.stringify(normalize(result, creates, new Map())));
  if (one === other && one !== undefined) return;
  const at = [...(one ?? "")].findIndex((character, index) => character !== other?.[index]);
  const around = (text: string | undefined) => text?.slice(Math.max(0, at - 300), at + 300);
  throw new Error(
    `${contender} and the yardstick return different results for ${operation}:\n…${around(one)}\n…${around(other)}`,
  );
}

function normalize(value: unknown, creates: boolean, ids: Map<string, string>): unknown {
  if (typeof value === "string" && creates && uuid.test(value)) {
    const id = ids.get(value) ?? `id ${ids.size + 1}`;
    ids.set(value, id);
    return id;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => normalize(item, creates, ids));
  const fields = Object.entries(value)
    .map(([name, member]: [string, unknown]) => ({ name: toSnakeCase(name), member }))
    .filter(({ name, member }) => member !== null && name !== "next_cursor" && (!creates || name !== "created_at"))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(fields.map(({ name, member }) => [name, normalize(member, creates, ids)]));
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
