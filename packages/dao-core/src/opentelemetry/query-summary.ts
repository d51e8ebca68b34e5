/** A short description of a statement. */
export interface QuerySummary {
  /** Operations and tables in the order of the text: `insert goals insert milestones select`. Nested queries count as one. */
  readonly text: string;
  /** The operation, if there is only one. */
  readonly operation: string | undefined;
  /** The table, if there is only one. */
  readonly table: string | undefined;
}

/** A bare `update` belongs to a lock (`for update`) or to an insert (`do update`), and a count of written rows to the write. */
const keywords =
  /\b(?:(explain|select)\b(?! count\(\*\) as count from written)|(insert into|delete from|update|from|join) (?:"(?:[^"]|"")+"\.)?"(\w+)")/g;

/** Binds a value that a condition uses twice; not an operation. */
const binding = /\(select .* as decompressed\)/;

/** Keywords that precede a table but are not operations. */
const targetsOnly: ReadonlySet<string> = new Set(["from", "join"]);

/**
 * Summarizes one of the data layer's own statements, which Drizzle renders in lower case, with every name in double quotes.
 * The summary contains no values and has low cardinality.
 */
export function summarize(statement: string): QuerySummary {
  const own = new Set([...statement.matchAll(/"(\w+)" as \(/g)].map(([, name]) => name));
  const words: string[] = [];
  const found = { operations: new Set<string>(), tables: new Set<string>() };
  for (const [, bare, keyword = "", name] of statement.replace(binding, "").matchAll(keywords)) {
    const [operation = ""] = (bare ?? keyword).split(" ");
    if (!targetsOnly.has(operation)) {
      // A query and the query nested in it count as one operation.
      if (words.at(-1) !== operation) words.push(operation);
      found.operations.add(operation);
    }
    if (name === undefined || own.has(name)) continue;
    words.push(name);
    found.tables.add(name);
  }
  return { text: words.join(" "), operation: only(found.operations), table: only(found.tables) };
}

function only(names: ReadonlySet<string>): string | undefined {
  const [first, second] = names;
  return second === undefined ? first : undefined;
}
