import { ConflictError, type CreateOptions, createDaoServices, type DaoServices, DaoUnitOfWork } from "@flux/dao-core";
import {
  createTestDatabase,
  makeConversationData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { v4 as uuidv4 } from "uuid";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

interface Owner {
  readonly userId: string;
  readonly goalId: string;
}

interface Creation {
  readonly create: (services: DaoServices, owner: Owner, options?: CreateOptions) => Promise<{ readonly id: string }>;
  readonly count: (services: DaoServices, owner: Owner) => Promise<{ readonly total: number | null }>;
  readonly read: (services: DaoServices, id: string) => Promise<object>;
}

/** Everything that creates a row with an id. */
const creations: Readonly<Record<string, Creation>> = {
  createUser: {
    create: ({ users }, _, options) => users.createUser(makeUserData(), options),
    count: ({ users }) => users.listUsers(),
    read: ({ users }, id) => users.getUser(id),
  },
  createGoal: {
    create: ({ goals }, { userId }, options) => goals.createGoal(makeGoalData(userId), options),
    count: ({ goals }, { userId }) => goals.listGoals({ userId }),
    read: ({ goals }, id) => goals.getGoal(id),
  },
  createGoalWithStructure: {
    create: ({ goals }, { userId }, options) => goals.createGoalWithStructure(makeGoalStructureData(userId), options),
    count: ({ goals }, { userId }) => goals.listGoals({ userId }),
    read: ({ goals }, id) => goals.getGoalFull(id),
  },
  createMilestone: {
    create: ({ milestones }, { goalId }, options) => milestones.createMilestone(makeMilestoneData(goalId), options),
    count: ({ milestones }, { goalId }) => milestones.listMilestones({ goalId }),
    read: ({ milestones }, id) => milestones.getMilestone(id),
  },
  createTask: {
    create: ({ tasks }, { userId, goalId }, options) => tasks.createTask(makeTaskData(userId, goalId), options),
    count: ({ tasks }, { goalId }) => tasks.listTasks({ goalId }),
    read: ({ tasks }, id) => tasks.getTask(id),
  },
  createConversation: {
    create: ({ conversations }, { userId, goalId }, options) =>
      conversations.createConversation(makeConversationData(userId, goalId), options),
    count: ({ conversations }, { goalId }) => conversations.listConversations({ goalId }),
    read: ({ conversations }, id) => conversations.getConversation(id),
  },
};

const engines = [
  { engine: "PostgreSQL", open: () => createTestDatabase({ serverUrl: inject("adminUrl") }) },
  { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
] as const;

describe.each(engines)("a client-supplied id on $engine", ({ open }) => {
  let testDatabase: TestDatabase;
  let services: DaoServices;
  beforeAll(async () => {
    testDatabase = await open();
    services = createDaoServices(testDatabase.database);
  });
  afterAll(() => testDatabase.drop());

  async function newOwner(): Promise<Owner> {
    const { id: userId } = await services.users.createUser(makeUserData());
    const { id: goalId } = await services.goals.createGoal(makeGoalData(userId));
    return { userId, goalId };
  }

  const failure = (call: Promise<unknown>) =>
    call.then(
      () => expect.fail("It was not refused."),
      (error: unknown) => error,
    );

  describe.each(Object.entries(creations))("%s", (_, { create, count, read }) => {
    test("creates the row with the id, whatever its UUID version", async () => {
      const owner = await newOwner();
      for (const version of ["0", "1", "4", "7", "f"]) {
        const id = uuidv4().replace(/-4/, `-${version}`);
        const row = await create(services, owner, { id });
        expect(row.id).toBe(id);
        expect(await read(services, id)).toMatchObject({ id });
      }
    });

    test("is stored in lower case", async () => {
      const id = uuidv4();
      const row = await create(services, await newOwner(), { id: id.toUpperCase() });
      expect(row.id).toBe(id);
      expect(await read(services, id)).toMatchObject({ id });
    });

    test("is a conflict on the field id if it is taken, in either case, and the existing row is unchanged", async () => {
      const owner = await newOwner();
      const row = await create(services, owner, { id: uuidv4() });
      const before = await read(services, row.id);
      const { total } = await count(services, owner);
      for (const id of [row.id, row.id.toUpperCase()]) {
        const error = await failure(create(services, owner, { id }));
        expect(error).toBeInstanceOf(ConflictError);
        expect(error).toMatchObject({ code: "conflict", field: "id", message: expect.stringMatching(/^id /) });
      }
      expect(await count(services, owner)).toMatchObject({ total });
      expect(await read(services, row.id)).toEqual(before);
    });

    test("of 10 concurrent creates of one row, one succeeds and 9 are a conflict", async () => {
      const owner = await newOwner();
      const { total } = await count(services, owner);
      const id = uuidv4();
      const settled = await Promise.allSettled(Array.from({ length: 10 }, () => create(services, owner, { id })));
      const codes = settled.map((outcome) => (outcome.status === "fulfilled" ? "ok" : outcome.reason.code));
      expect(codes.sort()).toEqual([...Array(9).fill("conflict"), "ok"]);
      expect(await count(services, owner)).toMatchObject({ total: (total ?? Number.NaN) + 1 });
    });

    test.each(["", "x", "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6", "{0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e}", 5, null])(
      "%j is refused, and nothing is created",
      async (wrong) => {
        const owner = await newOwner();
        const { total } = await count(services, owner);
        const options: object = { id: wrong };
        const error = await failure(create(services, owner, options));
        expect(error).toMatchObject({ code: "validation_failed", issues: [{ path: "id" }] });
        expect(await count(services, owner)).toMatchObject({ total });
      },
    );

    test("undefined counts as absent: the row gets a new id", async () => {
      const owner = await newOwner();
      const rows = [await create(services, owner, { id: undefined }), await create(services, owner)];
      for (const { id } of rows) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    });
  });

  test("a unit of work that is repeated finds its row, and does not create a second one", async () => {
    const { userId } = await newOwner();
    const id = uuidv4();
    const createOnce = () =>
      DaoUnitOfWork.run(testDatabase.database, async (uow) => {
        const { goals, milestones } = createDaoServices(uow);
        await goals.createGoal(makeGoalData(userId), { id });
        await milestones.createMilestone(makeMilestoneData(id));
      });
    await createOnce();
    expect(await failure(createOnce())).toMatchObject({ code: "conflict", field: "id" });
    expect(await services.milestones.listMilestones({ goalId: id })).toMatchObject({ total: 1 });
  });

  test("a structure's milestones and tasks get new ids, and belong to the goal with the given id", async () => {
    const { userId } = await newOwner();
    const id = uuidv4();
    const whole = await services.goals.createGoalWithStructure(makeGoalStructureData(userId), { id });
    expect(new Set([...whole.milestones, ...whole.tasks].map(({ goalId }) => goalId))).toEqual(new Set([id]));
    expect(await services.goals.getGoalFull(id)).toMatchObject({ id, tasks: expect.any(Array) });
  });
});
