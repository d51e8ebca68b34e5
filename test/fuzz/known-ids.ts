/** The order of a list without a `sort`, and of a stream. */
export const NEWEST_FIRST = "-created_at";

/** The kind of the cursors of lists in an order. */
export const cursorKind = (kind: string, order: string) => `${kind} cursor ${order}`;

/** How many ids of a kind are kept: the newest, since older ones have probably been deleted. */
export const KEPT = 40;

/** The ids of rows that the service returned, by kind: `user`, `task`. Requests use them to refer to existing rows. */
export class KnownIds {
  readonly #ids = new Map<string, string[]>();

  /** Collects the ids in a response; `kind` is the kind of its rows, in this order. */
  learn(kind: string, value: unknown, order = NEWEST_FIRST): void {
    if (Array.isArray(value)) {
      // The first ones are the newest.
      for (const item of value.slice(0, KEPT / 4)) this.learn(kind, item, order);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        if (name === "id") this.#add(kind, member);
        else if (name === "next_cursor") this.#add(cursorKind(kind, order), member);
        else if (name.endsWith("_id")) this.#add(name.slice(0, -"_id".length), member);
        else if (name === "items") this.learn(kind, member);
        else if (Array.isArray(member) && name !== "messages") this.learn(singular(name), member);
      }
    }
  }

  #add(kind: string, id: unknown): void {
    if (typeof id !== "string") return;
    const ids = this.#ids.get(kind) ?? [];
    this.#ids.set(kind, ids);
    if (ids.includes(id)) return;
    ids.push(id);
    if (ids.length > KEPT) ids.shift();
  }

  /** The id that was learned `back` ids before the newest; `undefined` if none is known. */
  before(kind: string, back: number): string | undefined {
    const ids = this.#ids.get(kind) ?? [];
    return ids[ids.length - 1 - (back % ids.length)];
  }

  /** The kinds of what begins with `prefix` that have this id. */
  kindsOf(prefix: string, id: string): readonly string[] {
    return [...this.#ids].flatMap(([kind, ids]) => (kind.startsWith(prefix) && ids.includes(id) ? [kind] : []));
  }
}

/** JSON text that is inserted verbatim, such as a number that no double represents. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Stands for what is only known when the request is sent, so that fast-check can shrink plain data. */
export class Reference {
  readonly resolve: (known: KnownIds) => string | undefined;
  constructor(resolve: Reference["resolve"]) {
    this.resolve = resolve;
  }
}

/** The value with its references resolved. */
export function resolve<Value>(value: Value, known: KnownIds): Value {
  const go = (part: unknown): unknown => {
    if (part instanceof Reference) return part.resolve(known);
    if (part instanceof JsonText || typeof part !== "object" || part === null) return part;
    if (Array.isArray(part)) return part.map(go);
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, go(member)]));
  };
  return go(value) as Value;
}

/** The kind of row that a field or a parameter refers to: `user` for `user_id`, `task` for `task_ids`. */
export function kindOf(name: string, otherwise = ""): string {
  const match = /^(\w+)_ids?$/.exec(name);
  return match?.[1] ?? otherwise;
}

/** The kind of rows by the plural in a path or the name of a list: `task` for `tasks`. */
export function singular(name: string): string {
  return name.replace(/s$/, "");
}
