import type { Page } from "@flux/dao-core/contract";
import { LINK_HEADER } from "../wire/limits.ts";

/**
 * The `Link` header of a page (RFC 8288), relative to the request's path, with the pages that are known and fit. A request with a
 * page number or rows to skip gets links by number, any other by cursor, which is as fast on the last page.
 */
export function pageLinks(page: Page<unknown>, query: string): string | undefined {
  const asked = new URLSearchParams(query);
  const targets = asked.has("page") || asked.has("skip") ? byNumber(page, asked) : byCursor(page);
  const links = new Map(
    Object.entries(targets).map(([relation, place]) => [relation, `<?${at(asked, place)}>; rel="${relation}"`]),
  );
  const header = () => [...links.values()].join(", ");
  // Least important first.
  for (const relation of ["last", "first", "prev", "next"]) if (header().length > LINK_HEADER) links.delete(relation);
  return header() || undefined;
}

/** Name and value of the parameter for the start of a page; `undefined` for the first page. */
type Place = readonly [name: string, value: string | number] | undefined;

type Targets = Readonly<Record<string, Place>>;

function byCursor({ nextCursor }: Page<unknown>): Targets {
  return { first: undefined, ...(nextCursor !== null && { next: ["cursor", nextCursor] as const }) };
}

function byNumber({ page, pageSize, hasNext, hasPrev, total }: Page<unknown>, asked: URLSearchParams): Targets {
  const bySkip = asked.has("skip");
  const here = bySkip ? Number(asked.get("skip")) / pageSize + 1 : (page ?? 1);
  const place = (number: number): Place =>
    bySkip ? ["skip", Math.max(0, Math.round((number - 1) * pageSize))] : ["page", number];
  const isExact = total !== null && asked.get("count") !== "estimated";
  const last = isExact ? Math.max(1, Math.ceil(total / pageSize)) : undefined;
  const isPastEnd = isExact && (here - 1) * pageSize >= total;
  return {
    first: place(1),
    ...(hasPrev && { prev: place(isPastEnd && last !== undefined ? last : here - 1) }),
    ...(hasNext && { next: place(here + 1) }),
    ...(last !== undefined && { last: place(last) }),
  };
}

function at(asked: URLSearchParams, place: Place): URLSearchParams {
  const query = new URLSearchParams(asked);
  for (const name of ["page", "skip", "cursor"]) query.delete(name);
  if (place !== undefined) query.set(place[0], String(place[1]));
  return query;
}
