import { describe, expect, test } from "vitest";
import { ValidationError } from "../contract/errors.ts";
import { validate } from "../contract/fields/validation.ts";
import { goalStructureCreateDto } from "../contract/goal.ts";
import { validateBulkUpdate, validateStructure } from "./long-lists.ts";

describe("a structure", () => {
  test("with many invalid tasks is rejected with the first hundred of them", () => {
    const good = { title: "x" };
    const milestone = (...tasks: readonly unknown[]) => ({ weekNumber: 1, title: "x", tasks });
    const broken = Array.from({ length: 9_000 }, () => ({ title: 1, state: 1 }));
    const structure = { goal: {}, milestones: [{}, milestone(good, broken[0]), milestone(good, ...broken)] };
    let error: unknown;
    try {
      validateStructure(structure);
    } catch (thrown) {
      error = thrown;
    }
    const paths = error instanceof ValidationError ? error.issues.map(({ path }) => path) : [];
    expect(paths).toEqual([
      ...["goal.userId", "goal.title", "milestones.0.weekNumber", "milestones.0.title"],
      ...["milestones.1.tasks.1.title", "milestones.1.tasks.1.state"],
      ...Array.from({ length: 99 }, (_, index) => [
        `milestones.2.tasks.${index + 1}.title`,
        `milestones.2.tasks.${index + 1}.state`,
      ]).flat(),
    ]);
    const valid = {
      goal: { userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e", title: "x" },
      milestones: [milestone(...Array(9_000).fill(good))],
    };
    expect(validateStructure(valid).milestones[0]?.tasks).toHaveLength(9_000);
  });

  const goal = { userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e", title: "x" };
  const tasks = Array.from({ length: 150 }, () => ({ title: "x" }));
  class Milestone {
    readonly weekNumber = 1;
    readonly tasks = tasks;
    get title() {
      return "From an accessor";
    }
  }
  const inherited: unknown = Object.create({ weekNumber: 1, title: "x", tasks });
  test.each([
    [
      "a gap among the tasks",
      { goal, milestones: [{ weekNumber: 1, title: "x", tasks: Object.assign(Array(151), tasks) }] },
    ],
    ["a gap among the milestones", { goal, milestones: Object.assign(Array(2), [new Milestone()]) }],
    ["a list in place of a milestone", { goal, milestones: [Object.assign([], new Milestone())] }],
    ["a list in place of the structure", Object.assign([], { goal, milestones: [new Milestone()] })],
    ["a milestone with an accessor", { goal, milestones: [new Milestone()] }],
    ["an inherited milestone", { goal, milestones: [inherited] }],
    ["tasks that are no list", { goal, milestones: [new Milestone(), { weekNumber: 1, title: "x", tasks: {} }] }],
  ])("with many tasks and %s is parsed as one with few is", (_, structure) => {
    const outcome = (parse: () => unknown) => {
      try {
        return parse();
      } catch (error) {
        return error instanceof ValidationError ? error.issues : error;
      }
    };
    expect(outcome(() => validateStructure(structure))).toEqual(
      outcome(() => validate(goalStructureCreateDto, structure)),
    );
  });
});

describe("a list that is far too long", () => {
  test("is rejected as a whole, without an issue for each item", () => {
    const many = Array.from({ length: 330_000 }, () => ({}));
    for (const milestones of [
      many,
      [{ tasks: many }],
      [{ tasks: many.slice(0, 9_000) }, { tasks: many.slice(0, 9_000) }],
    ]) {
      const parse = () => validateStructure({ goal: {}, milestones });
      expect(parse).toThrow(ValidationError);
      expect(parse).toThrow(/^milestones must contain at most [\d]+ (milestones|tasks in total), not \d+\.$/);
    }
    const parse = () => validateBulkUpdate({ taskIds: many.map(() => ""), newState: "missed" });
    expect(parse).toThrow(/^taskIds must contain at most 1000 ids, not 330000\.$/);
  });
});
