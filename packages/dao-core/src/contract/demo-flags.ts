import * as z from "zod";
import type { CallOptions, PutOptions } from "./call-options.ts";
import { described, dto, withUser } from "./fields/described.ts";
import { instant } from "./fields/scalars.ts";

const now = new Date("2026-03-01T08:00:00Z");
const virtualNow = described(instant(), "The demonstration's current time; null: the real one.", now);
const escalationSpeed = described(z.number().min(0), "How fast time passes, as a factor: 1 is real time.", 2);

/** How time passes for a user in a demonstration. */
export const demoFlagsDto = dto(
  "DemoFlagsDto",
  "How time passes for a user in a demonstration.",
  z.object({ ...withUser, virtualNow: virtualNow.nullable(), escalationSpeed }),
);

export const demoFlagsPutDto = dto(
  "DemoFlagsPutDto",
  "Demo flags to create or replace.",
  z.object({
    /** Optional; if given, it must be the user that the call names. */
    userId: withUser.userId.optional(),
    virtualNow: virtualNow.nullable().default(null),
    escalationSpeed: escalationSpeed.default(1),
  }),
  { virtualNow: new Date("2026-02-15T10:00:00Z"), escalationSpeed: 2 },
);

export type DemoFlagsDto = z.output<typeof demoFlagsDto>;
export type DemoFlagsPutDto = z.input<typeof demoFlagsPutDto>;

/** Demo flags, at most one row per user. {@link DaoServices} names the errors that every method can throw. */
export interface DemoFlagsService {
  /** @throws NotFoundError if the user has none */
  getDemoFlags(userId: string, options?: CallOptions): Promise<DemoFlagsDto>;
  /**
   * Creates the user's flags, or replaces all their fields.
   * @throws RelatedRowMissingError if there is no such user; VersionMismatchError, also if the user has no flags yet, or, where
   *   `ifVersion` is `null`, has some
   */
  putDemoFlags(userId: string, flags: DemoFlagsPutDto, options?: PutOptions): Promise<DemoFlagsDto>;
}
