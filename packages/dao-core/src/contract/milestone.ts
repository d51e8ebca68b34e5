import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { TITLE_LENGTH } from "./fields/constants.ts";
import { described, dto, examples, rowId, withCreatedAt, withGoal } from "./fields/described.ts";
import { text } from "./fields/scalars.ts";
import { anyOf, type Count, filterText, type Page, queriesOf, range } from "./page.ts";

const fields = {
  // The upper bound is PostgreSQL's `integer`.
  weekNumber: described(z.int().min(1).max(2_147_483_647), "The week of the goal, counted from 1.", 1),
  title: described(text(TITLE_LENGTH), "What should be achieved by then.", "Run 5 km without a break"),
  status: described(text(), "How the milestone stands, as free text such as pending or completed.", "pending"),
};

/** What should be achieved for a goal by the end of one of its weeks. */
export const milestoneDto = dto(
  "MilestoneDto",
  "What should be achieved for a goal by the end of one of its weeks.",
  z.object({ id: rowId(examples.milestone), ...withGoal, ...fields, ...withCreatedAt }),
);

export const milestoneCreateDto = dto(
  "MilestoneCreateDto",
  "A milestone to create.",
  z.object({ ...withGoal, ...fields, status: fields.status.default("pending") }),
);

/** An absent field is kept. A milestone stays with its goal. */
export const milestoneUpdateDto = dto(
  "MilestoneUpdateDto",
  "Changes to a milestone. An omitted field is kept.",
  z.object(fields).partial(),
  { status: "completed" },
);

export const milestoneQueries = queriesOf(
  () => ({
    goalId: anyOf(withGoal.goalId),
    status: anyOf(filterText("How the milestones stand.", "pending")),
    weekNumber: range(fields.weekNumber),
  }),
  ["weekNumber", "title"],
);

export type MilestoneDto = z.output<typeof milestoneDto>;
export type MilestoneCreateDto = z.input<typeof milestoneCreateDto>;
export type MilestoneUpdateDto = z.input<typeof milestoneUpdateDto>;
export type MilestoneFilter = z.input<typeof milestoneQueries.filter>;
export type MilestoneListRequest = z.input<typeof milestoneQueries.list>;
export type MilestoneStreamRequest = z.input<typeof milestoneQueries.stream>;

/** Milestones. {@link DaoServices} names the errors that every method can throw. */
export interface MilestoneService {
  /** One page of milestones, newest first unless sorted otherwise. */
  listMilestones(request?: MilestoneListRequest, options?: CallOptions): Promise<Page<MilestoneDto>>;
  /** Streams every milestone that matches the filter, newest first: `streamTasks` says how. */
  streamMilestones(request?: MilestoneStreamRequest, options?: StreamOptions): AsyncIterable<MilestoneDto>;
  /** Counts the milestones that match the filter. */
  countMilestones(filter?: MilestoneFilter, options?: CallOptions): Promise<Count>;
  /** @throws NotFoundError if there is no such milestone */
  getMilestone(id: string, options?: CallOptions): Promise<MilestoneDto>;
  /** @throws RelatedRowMissingError if there is no such goal */
  createMilestone(input: MilestoneCreateDto, options?: CreateOptions): Promise<MilestoneDto>;
  /** @throws NotFoundError */
  updateMilestone(id: string, changes: MilestoneUpdateDto, options?: WriteOptions): Promise<MilestoneDto>;
  /** Deletes the milestone with its tasks. @throws NotFoundError */
  deleteMilestone(id: string, options?: WriteOptions): Promise<void>;
}
