import { v7 as uuidv7 } from "uuid";
import type { Random } from "./random.ts";

/** A UUIDv7 of this instant (milliseconds since 1970), whose random bits come from `random`. */
export function demoId(random: Random, instant: number): string {
  return uuidv7({ msecs: instant, random: random.bytes(16) });
}
