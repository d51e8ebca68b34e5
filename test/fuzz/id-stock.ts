import type { Random } from "../random.ts";
import { pick } from "./text.ts";

/** How many ids of a kind are kept: the newest, since older ones are likely deleted. */
const KEPT = 40;

/** The ids of rows that the service answered, by kind: `user`, `task`. What uses them is about rows that are there. */
export class IdStock {
  readonly #ids = new Map<string, string[]>();

  /** Takes note of the ids in an answer; `kind` is what its rows are. */
  learn(kind: string, value: unknown): void {
    if (Array.isArray(value)) {
      // The first ones are the newest.
      for (const item of value.slice(0, KEPT / 4)) this.learn(kind, item);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        if (name === "id") this.#add(kind, member);
        else if (name === "next_cursor") this.#add(`${kind} cursor`, member);
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

  /** A cursor that a page of this kind answered, if one did. */
  pickCursor(random: Random, kind: string): string | undefined {
    const cursors = this.#ids.get(`${kind} cursor`);
    return cursors === undefined ? undefined : pick(random, cursors);
  }

  /** Whether a page has answered this cursor; only of the newest. */
  isCursor(kind: string, text: string): boolean {
    return this.#ids.get(`${kind} cursor`)?.includes(text) ?? false;
  }

  /** The id of a row that was there, most often; in any spelling that is valid. */
  pick(random: Random, kind: string): string {
    const ids = this.#ids.get(kind);
    if (ids === undefined || random.chance(0.05)) return unknownId(random);
    const id = pick(random, ids);
    return random.chance(0.1) ? id.toUpperCase() : id;
  }
}

/** The id of no row, whatever its version bits. */
export function unknownId(random: Random): string {
  if (random.chance(0.1))
    return pick(random, ["0", "f"])
      .repeat(32)
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  const digits = Array.from({ length: 32 }, () => random.below(16).toString(16)).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The kind of row that a field or a parameter of this name names: `user_id` and `task_ids` are a user and tasks. */
export function kindOf(name: string, otherwise = ""): string {
  const match = /^(\w+)_ids?$/.exec(name);
  return match?.[1] ?? otherwise;
}

/** What the rows of a path or of a list are: `tasks` are each a `task`. */
export function singular(name: string): string {
  return name.replace(/s$/, "");
}
