import assert from "node:assert/strict";
import { makeMilestoneData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** The maximum of PostgreSQL's `integer`. */
const MAX_WEEK = 2_147_483_647;

/** Rules of milestones only. */
export const milestoneCases: readonly ContractCase[] = [
  {
    name: "contract, Data: a milestone has its fields and no others, and is read as it was created",
    async run(services) {
      const { milestones } = services;
      const { goal } = await createOwner(services);
      const input = makeMilestoneData(goal.id, { weekNumber: 3, status: "reached" });
      const milestone = await milestones.createMilestone(input);
      const { id, createdAt } = milestone;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(milestone, { id, ...input, createdAt });
      assert.deepEqual(await milestones.getMilestone(id), milestone);
      assert.deepEqual((await milestones.listMilestones({ goalId: goal.id })).items, [milestone]);
    },
  },
  {
    name: "contract, Data: a milestone's status defaults to pending",
    async run(services) {
      const { goal } = await createOwner(services);
      const input = { goalId: goal.id, weekNumber: 1, title: "Base" };
      assert.equal((await services.milestones.createMilestone(input)).status, "pending");
    },
  },
  {
    name: "contract, Data: a week number is a whole number from 1; several milestones may share it",
    async run(services) {
      const { milestones } = services;
      const { goal } = await createOwner(services);
      const { id } = await milestones.createMilestone(makeMilestoneData(goal.id));
      for (const weekNumber of [1, 1, 52, MAX_WEEK]) {
        const created = await milestones.createMilestone(makeMilestoneData(goal.id, { weekNumber }));
        assert.equal(created.weekNumber, weekNumber);
        assert.equal((await milestones.updateMilestone(id, { weekNumber })).weekNumber, weekNumber);
      }
      const wrongs = [
        0,
        -1,
        1.5,
        MAX_WEEK + 1,
        1e21,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        "3",
        "",
        true,
        [1],
        {},
        null,
      ];
      for (const wrong of wrongs) {
        const weekNumber = untyped(makeMilestoneData(goal.id), { weekNumber: wrong });
        await assertInvalid(milestones.createMilestone(weekNumber), "weekNumber");
        await assertInvalid(milestones.updateMilestone(id, untyped({}, { weekNumber: wrong })), "weekNumber");
      }
      assert.equal((await milestones.getMilestone(id)).weekNumber, MAX_WEEK);
    },
  },
  {
    name: "contract, Errors: a milestone of a goal that does not exist is related_row_missing",
    async run({ milestones }) {
      const goalId = unknownId();
      await assertRelatedRowMissing(milestones.createMilestone(makeMilestoneData(goalId)), "goalId", goalId);
      assert.equal((await milestones.listMilestones({ goalId })).total, 0);
    },
  },
  {
    name: "contract, Data: a milestone's goal, week and title are required, and its fields are not coerced",
    async run(services) {
      const { milestones } = services;
      const { goal } = await createOwner(services);
      const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
      const empty = untyped(makeMilestoneData(goal.id), { goalId: undefined, weekNumber: undefined, title: undefined });
      await assertInvalid(milestones.createMilestone(empty), "goalId", "weekNumber", "title");
      for (const field of ["title", "status"]) {
        for (const value of [null, 5, true, [], {}]) {
          await assertInvalid(
            milestones.createMilestone(untyped(makeMilestoneData(goal.id), { [field]: value })),
            field,
          );
          await assertInvalid(milestones.updateMilestone(milestone.id, untyped({}, { [field]: value })), field);
        }
      }
      assert.deepEqual(await milestones.getMilestone(milestone.id), milestone);
    },
  },
  {
    name: "contract, REST: an update of a milestone keeps what is absent, and {} returns the row unchanged",
    async run(services) {
      const { milestones } = services;
      const { goal } = await createOwner(services);
      const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
      const absent = { weekNumber: undefined, title: undefined, status: undefined };
      assert.deepEqual(await milestones.updateMilestone(milestone.id, {}), milestone);
      assert.deepEqual(await milestones.updateMilestone(milestone.id, absent), milestone);
      let expected = milestone;
      for (const change of [{ weekNumber: 9 }, { title: "Other" }, { status: "reached" }]) {
        expected = { ...expected, ...change };
        assert.deepEqual(await milestones.updateMilestone(milestone.id, { ...absent, ...change }), expected);
        assert.deepEqual(await milestones.getMilestone(milestone.id), expected);
      }
    },
  },
  {
    name: "contract, REST: fields that a milestone does not have are ignored; a milestone stays with its goal",
    async run(services) {
      const { milestones } = services;
      const { goal } = await createOwner(services);
      const other = await createOwner(services);
      const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
      const unknown = { id: unknownId(), goalId: other.goal.id, createdAt: new Date(0), tasks: [] };
      assert.deepEqual(await milestones.updateMilestone(milestone.id, untyped({}, unknown)), milestone);
    },
  },
];
