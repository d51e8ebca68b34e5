import { toCode } from "../code.ts";
import { isFields, type Kind } from "../known-rows.ts";
import { ENTITIES } from "./entities.ts";
import { answered, differs, differsFromRow, type Expectation, type Fault, refused } from "./expectation.ts";
import { brokenAt, brokenUnless, joinBroken } from "./input.ts";
import { refusedInput } from "./rows.ts";
import { type Rule, wholeNumber } from "./rules.ts";
import type { Row, State } from "./state.ts";

const MOST = Number.MAX_SAFE_INTEGER;
const PAGING: Readonly<Record<string, Rule>> = {
  page: wholeNumber(1, MOST),
  pageSize: wholeNumber(1, 100),
  skip: wholeNumber(0, MOST),
  limit: wholeNumber(1, 100),
};

export function listRows(state: State, kind: Kind, request: unknown): Expectation {
  const { filters } = ENTITIES[kind];
  const asked = request === undefined ? {} : request;
  if (!isFields(asked)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const given = Object.entries(asked).filter(([, value]) => value !== undefined);
  const rules = { ...PAGING, ...filters };
  const broken = joinBroken(...given.map(([name, value]) => brokenUnless(rules[name]?.(value) ?? false, name)));
  const has = (...names: string[]) => given.some(([name]) => names.includes(name));
  const isMixed = has("page", "pageSize") && has("skip", "limit");
  // Which of the two styles is the wrong one is not said.
  const invalid = refusedInput(isMixed ? { certain: broken.certain, possible: ["skip", "limit"] } : broken);
  if (invalid !== undefined) return invalid;
  const wanted = given.filter(([name]) => name in filters);
  const isWanted = (row: Row) => wanted.every(([name, value]) => row.fields[name] === filterValue(name, value));
  const rows = state
    .rows(kind)
    .filter(isWanted)
    .sort((a, b) => state.byAge(b, a));
  const window = windowOf(asked["page"], asked["pageSize"], asked["skip"], asked["limit"]);
  return answered((answer) => {
    if (!isFields(answer)) return `must be answered a page, not ${toCode(answer)}`;
    const { items, ...rest } = answer;
    const page = {
      total: rows.length,
      page: window.page,
      pageSize: window.size,
      hasNext: window.skip + window.size < rows.length,
      hasPrev: window.skip > 0,
    };
    const slice = rows.slice(window.skip, window.skip + window.size);
    return differs(rest, page) ?? differsFromRows(state, items, slice, rows, (a, b) => state.byAge(b, a));
  });
}

function filterValue(name: string, value: unknown): unknown {
  return name.endsWith("Id") && name !== "calendarEventId" ? String(value).toLowerCase() : value;
}

function windowOf(page: unknown, pageSize: unknown, skip: unknown, limit: unknown) {
  if (skip === undefined && limit === undefined) {
    const [number, size] = [Number(page ?? 1), Number(pageSize ?? 100)];
    return { skip: (number - 1) * size, size, page: number };
  }
  const [from, size] = [Number(skip ?? 0), Number(limit ?? 100)];
  return { skip: from, size, page: Math.floor(from / size) + 1 };
}

/**
 * Whether `answer` holds the rows of `expected`, in that order. Where `compare` leaves open which of two comes first, the
 * one may stand for the other, if it is among `candidates`.
 */
export function differsFromRows(
  state: State,
  answer: unknown,
  expected: readonly Row[],
  candidates: readonly Row[],
  compare: (a: Row, b: Row) => number,
): Fault {
  if (!Array.isArray(answer)) return `must be answered a list, not ${toCode(answer)}`;
  if (answer.length !== expected.length) return `must be answered ${expected.length} rows, not ${toCode(answer)}`;
  const left = new Map(candidates.map((row) => [row.id, row]));
  for (const [index, row] of expected.entries()) {
    const actual: unknown = answer[index];
    const found = isFields(actual) ? left.get(String(actual["id"])) : undefined;
    if (found === undefined || compare(found, row) !== 0)
      return `must be answered ${row.id} at ${index}: ${toCode(answer)}`;
    left.delete(found.id);
    const fault = differsFromRow(state, actual, found);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
