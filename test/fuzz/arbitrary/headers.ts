import fc from "fast-check";
import { KEPT, Reference, resolve } from "../known-ids.ts";
import type { JsonSchema } from "../schema-verdict.ts";
import { butRarely, unknownId, type Value } from "./values.ts";

/**
 * Values of a header parameter, valid or broken. JSON Schema cannot describe the grammars of headers, so they are listed here
 * by name; an unknown name is an error.
 */
export function headerValue(name: string, { enum: members }: JsonSchema, isBroken: boolean): Value {
  if (members !== undefined && !isBroken) return fc.constantFrom(...members);
  switch (name.toLowerCase()) {
    case "if-match":
    case "if-none-match":
      return isBroken ? fc.oneof(fc.constantFrom(...NO_TAGS.split("|")), ...(members ? [listOfTags] : [])) : entityTags;
    case "idempotency-key":
      return isBroken ? fc.constantFrom(...NO_KEYS) : idempotencyKey;
    case "flux-position":
      return isBroken ? fc.constantFrom(...NO_POSITIONS) : fc.constantFrom(...POSITIONS);
    default:
      throw new Error(`There is no generator for the header ${name}.`);
  }
}

const knownTag = fc
  .tuple(fc.nat({ max: KEPT - 1 }), fc.constantFrom("", "", "", "W/"))
  .map(([back, weak]) => new Reference((known) => weak + (known.before("etag", back) ?? '"none"')));
const oddTag = fc.constantFrom('""', '"*"', '"x"', '"a,b"', '"\\"', '"\xe9"', `"${"x".repeat(500)}"`);
const tags = fc.array(fc.oneof<Value[]>(knownTag, oddTag), { minLength: 1, maxLength: 3 });

/** RFC 9110, 13.1.1: `*`, or a list of entity-tags. */
const listOfTags: Value = fc
  .tuple(tags, fc.constantFrom(", ", ",", " , ", ",, "))
  .map(([tags, comma]) => new Reference((known) => resolve(tags, known).join(comma)));
const entityTags: Value = butRarely<unknown>(listOfTags, 5, fc.constant("*"));

const NO_TAGS = '|x|"x|x"|\'x\'|*, "x"|"x", *|w/"x"|W/ "x"|"x" "y"|"a b"|"x"; q=1|,|W/|**';

const POSITIONS = ["0000000000000000", "00000000016B3748", "FFFFFFFFFFFFFFFF", "latest"];
const NO_POSITIONS = [
  "",
  "0",
  "16/B374D848",
  "00000000016b3748",
  "00000000016B3748,latest",
  "LATEST",
  "\xe9",
  "F".repeat(1_000),
];

/** The draft of the Idempotency-Key header: a string of RFC 9651; this service also accepts it without quotes. */
const idempotencyKey = fc.oneof(
  { weight: 2, arbitrary: unknownId },
  { weight: 1, arbitrary: fc.constantFrom("x".repeat(255), `"${"y".repeat(255)}"`, "__proto__", "%00") },
  // Few enough that some recur, with another request.
  ...["#", '"#"', '"a\\"\\\\#"'].map((form) => ({
    weight: 1,
    arbitrary: fc.noBias(fc.nat({ max: 999 })).map((number) => form.replace("#", `key-${number}`)),
  })),
);

const LONG_KEYS = ["x".repeat(256), `"${"y".repeat(256)}"`];
const NO_KEYS = [...'|"|""|"open|"a" b|"a b"|a b|\xe9|"\xe9"|"bad \\escape"'.split("|"), ...LONG_KEYS];
