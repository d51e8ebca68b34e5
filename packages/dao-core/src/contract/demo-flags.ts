import * as z from "zod";
import type { CallOptions, PutOptions } from "./call-options.ts";
import { dtoRegistry, exampleIds } from "./dto-registry.ts";
import { id, instant } from "./fields/scalars.ts";

const escalationSpeed = z.number().min(0);

/** How time passes for a user in a demonstration. */
export const demoFlagsDto = z
  .object({
    userId: id(),
    /** The demonstration's current time, or `null` for the real one. */
    virtualNow: instant().nullable(),
    /** A factor: 1 is real time. */
    escalationSpeed,
  })
  .register(dtoRegistry, {
    id: "DemoFlagsDto",
    example: { userId: exampleIds.user, virtualNow: new Date("2026-03-01T08:00:00Z"), escalationSpeed: 2 },
  });

export const demoFlagsPutDto = z
  .object({
    /** Optional; if given, it must be the user that the call names. */
    userId: id().optional(),
    /** Default `null`. */
    virtualNow: instant().nullable().default(null),
    /** Default 1. */
    escalationSpeed: escalationSpeed.default(1),
  })
  .register(dtoRegistry, {
    id: "DemoFlagsPutDto",
    example: { virtualNow: new Date("2026-02-15T10:00:00Z"), escalationSpeed: 2 },
  });

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
