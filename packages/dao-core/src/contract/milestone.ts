import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry, exampleCreatedAt, exampleIds } from "./dto-registry.ts";
import { TITLE_LENGTH } from "./fields/constants.ts";
import { id, instant, text } from "./fields/scalars.ts";
import { filterText, listRequest, type Page } from "./page.ts";

const title = text(TITLE_LENGTH);
/** Counted from 1; the upper bound is PostgreSQL's `integer`. */
const weekNumber = z.int().min(1).max(2_147_483_647);

const milestoneExample = {
  goalId: exampleIds.goal,
  weekNumber: 1,
  title: "Run 5 km without a break",
  status: "pending",
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
  .register(dtoRegistry, {
    id: "MilestoneDto",
    example: { id: exampleIds.milestone, ...milestoneExample, createdAt: exampleCreatedAt },
  });

export const milestoneCreateDto = z
  .object({
    goalId: id(),
    weekNumber,
    title,
    /** Default `pending`. */
    status: text().default("pending"),
  })
  .register(dtoRegistry, { id: "MilestoneCreateDto", example: milestoneExample });

/** An absent field is kept. A milestone stays with its goal. */
export const milestoneUpdateDto = milestoneDto
  .pick({ weekNumber: true, title: true, status: true })
  .partial()
  .register(dtoRegistry, { id: "MilestoneUpdateDto", example: { status: "completed" } });

export const milestoneListRequest = listRequest({ goalId: id().optional(), status: filterText().optional() });

export type MilestoneDto = z.output<typeof milestoneDto>;
export type MilestoneCreateDto = z.input<typeof milestoneCreateDto>;
export type MilestoneUpdateDto = z.input<typeof milestoneUpdateDto>;
export type MilestoneListRequest = z.input<typeof milestoneListRequest>;

/** Milestones. {@link DaoServices} names the errors that every method can throw. */
export interface MilestoneService {
  /** One page of milestones, newest first. */
  listMilestones(request?: MilestoneListRequest, options?: CallOptions): Promise<Page<MilestoneDto>>;
  /** @throws NotFoundError if there is no such milestone */
  getMilestone(id: string, options?: CallOptions): Promise<MilestoneDto>;
  /** @throws RelatedRowMissingError if there is no such goal */
  createMilestone(input: MilestoneCreateDto, options?: CreateOptions): Promise<MilestoneDto>;
  /** @throws NotFoundError */
  updateMilestone(id: string, changes: MilestoneUpdateDto, options?: WriteOptions): Promise<MilestoneDto>;
  /** Deletes the milestone with its tasks. @throws NotFoundError */
  deleteMilestone(id: string, options?: WriteOptions): Promise<void>;
}
