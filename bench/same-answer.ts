const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes sure that both sides did the same work: their answers, read as JSON, have the same fields with the same values.
 * Names may be snake_case or camelCase; of what was created, ids need only be in the same places, and the moment of
 * creation is not compared.
 */
export function assertSameAnswer(operation: string, ours: unknown, yardstick: unknown, creates: boolean): void {
  const [one, other] = [ours, yardstick].map((answer) => JSON.stringify(normalize(answer, creates, new Map())));
  if (one === other && one !== undefined) return;
  throw new Error(
    `The two sides answer differently to ${operation}:\n${one?.slice(0, 2000)}\n${other?.slice(0, 2000)}`,
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
    .filter(({ name }) => !creates || name !== "created_at")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(fields.map(({ name, member }) => [name, normalize(member, creates, ids)]));
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
