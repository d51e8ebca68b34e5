import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry } from "./dto-registry.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { text } from "./fields/text.ts";
import { filterText, listRequest, type Page } from "./page.ts";

const title = text({ min: 1, max: 500 });
/** Counted from 1; the upper bound is PostgreSQL's `integer`. */
const weekNumber = z.int().min(1).max(2_147_483_647);

export const milestoneExample = {
  id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d70",
  goalId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6f",
  weekNumber: 1,
  title: "Run 5 km without a break",
  status: "pending",
  createdAt: new Date("2026-02-14T09:30:00.123Z"),
};

/** What should be achieved for a goal by the end of one of its weeks. */
export const milestoneDto = z
  .object({
    id: id(),
    goalId: id(),
    weekNumber,
    title,
    status: text(),
    createdAt: instant(),
  })
  .register(dtoRegistry, { id: "MilestoneDto", example: milestoneExample });

export const milestoneCreateDto = z
  .object({
    goalId: id(),
    weekNumber,
    title,
    /** Default `pending`. */
    status: text().default("pending"),
  })
  .register(dtoRegistry, {
    id: "MilestoneCreateDto",
    example: {
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      weekNumber: 1,
      title: "Build base fitness",
      status: "pending",
    },
  });

/** An absent field is kept. A milestone stays with its goal. */
export const milestoneUpdateDto = z
  .object({
    weekNumber: weekNumber.optional(),
    title: title.optional(),
    status: text().optional(),
  })
  .register(dtoRegistry, { id: "MilestoneUpdateDto", example: { status: "completed" } });

export const milestoneListRequest = listRequest({ goalId: id().optional(), status: filterText().optional() });

export type MilestoneDto = z.output<typeof milestoneDto>;
export type MilestoneCreateDto = z.input<typeof milestoneCreateDto>;
export type MilestoneUpdateDto = z.input<typeof milestoneUpdateDto>;
export type MilestoneListRequest = z.input<typeof milestoneListRequest>;

/**
 * Milestones. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError}
 * when the database is unreachable or too slow; each method lists its other errors, and its options list theirs.
 */
export interface MilestoneService {
  /** One page of milestones, newest first. */
  listMilestones(request?: MilestoneListRequest, options?: CallOptions): Promise<Page<MilestoneDto>>;
  /** @throws NotFoundError if there is no such milestone */
  getMilestone(id: string, options?: CallOptions): Promise<MilestoneDto>;
  /** @throws RelatedRowMissingError if there is no such goal */
  createMilestone(input: MilestoneCreateDto, options?: CreateOptions): Promise<MilestoneDto>;
  /** @throws NotFoundError */
  updateMilestone(id: string, changes: MilestoneUpdateDto, options?: WriteOptions): Promise<MilestoneDto>;
  /**
   * Deletes the milestone with its tasks.
   * @throws NotFoundError
   */
  deleteMilestone(id: string, options?: WriteOptions): Promise<void>;
}
