import type { Random } from "../random.ts";
import { type IdStock, unknownId } from "./id-stock.ts";
import { VALID, type Verdict } from "./schema-verdict.ts";
import { pick } from "./text.ts";

/** A header's value, and whether its standard knows it. */
export interface HeaderValue {
  readonly text: string;
  readonly verdict: Verdict;
}

const INVALID: Verdict = { is: "invalid", because: "a header that breaks its grammar" };

/**
 * A value of a header parameter, right or broken. Headers have grammars that no schema has words for, and so they are
 * known by name here; one that is not known is an error.
 */
export function headerValue(random: Random, ids: IdStock, name: string, isBroken: boolean): HeaderValue {
  const kind = name.toLowerCase();
  if (kind === "if-match" || kind === "if-none-match")
    return isBroken ? broken(random, NO_TAGS) : entityTags(random, ids);
  if (kind === "idempotency-key") return isBroken ? broken(random, NO_KEYS) : idempotencyKey(random);
  throw new Error(`Nothing makes the header ${name}.`);
}

function broken(random: Random, texts: readonly string[]): HeaderValue {
  return { text: pick(random, texts), verdict: INVALID };
}

/** RFC 9110, 13.1.1: `*`, or a list of entity-tags. */
function entityTags(random: Random, ids: IdStock): HeaderValue {
  if (random.chance(0.2)) return { text: "*", verdict: VALID };
  const tag = () => {
    const known = ids.pick(random, "etag");
    return pick(random, [
      known,
      known,
      known,
      `W/${known}`,
      '""',
      '"*"',
      '"x"',
      '"a,b"',
      '"\\"',
      '"\xe9"',
      `"${"x".repeat(500)}"`,
    ]);
  };
  const tags = Array.from({ length: 1 + random.below(3) }, tag).map((text) => (/"$/.test(text) ? text : `"${text}"`));
  return { text: tags.join(pick(random, [", ", ",", " , ", ",, "])), verdict: VALID };
}

const NO_TAGS: readonly string[] = [
  "",
  "x",
  '"x',
  'x"',
  "'x'",
  '*, "x"',
  '"x", *',
  'w/"x"',
  'W/ "x"',
  '"x" "y"',
  '"a b"',
  '"x"; q=1',
  ",",
  "W/",
  "**",
];

/** The draft of the Idempotency-Key header: a string of RFC 9651; here also without its quotes. */
function idempotencyKey(random: Random): HeaderValue {
  // Few enough that some come again, with another request.
  const key = `key-${random.below(2_000)}`;
  const text = pick(random, [
    key,
    key,
    `"${key}"`,
    `"a\\"\\\\${key}"`,
    "x".repeat(255),
    `"${"y".repeat(255)}"`,
    "__proto__",
    "%00",
  ]);
  return { text: random.chance(0.5) ? text : unknownId(random), verdict: VALID };
}

const NO_KEYS: readonly string[] = [
  "",
  '"',
  '""',
  '"open',
  '"a" b',
  '"a b"',
  "a b",
  "\xe9",
  '"\xe9"',
  '"bad \\escape"',
  "x".repeat(256),
  `"${"y".repeat(256)}"`,
];
