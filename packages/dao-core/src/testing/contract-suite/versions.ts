import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { WriteOptions } from "../../contract/call-options.ts";
import { isDaoError } from "../../contract/errors.ts";
import type { DaoServices } from "../../contract/services.ts";
import { versionOf } from "../../contract/version.ts";
import { makeUserData } from "../factories.ts";
import { assertInvalid, assertNotFound, assertRefused } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, type Family, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Has the form of a version, but is no row's. */
const otherVersion = "0000000000000000";

interface VersionedWrite {
  /** The row of the family that it writes. */
  readonly rowOf: (family: Family) => object;
  readonly read: (services: DaoServices, family: Family) => Promise<object>;
  readonly write: (services: DaoServices, id: string, options: WriteOptions) => Promise<unknown>;
  readonly idOf: (family: Family) => string;
}

const user: Omit<VersionedWrite, "write"> = {
  rowOf: (family) => family.user,
  read: ({ users }, family) => users.getUser(family.user.id),
  idOf: (family) => family.user.id,
};
const goal: Omit<VersionedWrite, "write"> = {
  rowOf: (family) => family.goal,
  read: ({ goals }, family) => goals.getGoal(family.goal.id),
  idOf: (family) => family.goal.id,
};
const milestone: Omit<VersionedWrite, "write"> = {
  rowOf: (family) => family.milestone,
  read: ({ milestones }, family) => milestones.getMilestone(family.milestone.id),
  idOf: (family) => family.milestone.id,
};
const task: Omit<VersionedWrite, "write"> = {
  rowOf: (family) => family.looseTask,
  read: ({ tasks }, family) => tasks.getTask(family.looseTask.id),
  idOf: (family) => family.looseTask.id,
};
const conversation: Omit<VersionedWrite, "write"> = {
  rowOf: (family) => family.conversation,
  read: ({ conversations }, family) => conversations.getConversation(family.conversation.id),
  idOf: (family) => family.conversation.id,
};

/** Every write of one existing row, each of which changes it. */
const writes: Readonly<Record<string, VersionedWrite>> = {
  updateUser: { ...user, write: ({ users }, id, options) => users.updateUser(id, { name: "Other" }, options) },
  updateGoal: { ...goal, write: ({ goals }, id, options) => goals.updateGoal(id, { title: "Other" }, options) },
  updateMilestone: {
    ...milestone,
    write: ({ milestones }, id, options) => milestones.updateMilestone(id, { title: "Other" }, options),
  },
  updateTask: { ...task, write: ({ tasks }, id, options) => tasks.updateTask(id, { title: "Other" }, options) },
  linkCalendarEvent: {
    ...task,
    write: ({ tasks }, id, options) => tasks.linkCalendarEvent(id, { calendarEventId: "other" }, options),
  },
  updateConversation: {
    ...conversation,
    write: ({ conversations }, id, options) => conversations.updateConversation(id, { status: "other" }, options),
  },
  putDemoFlags: {
    rowOf: (family) => family.demoFlags,
    read: ({ demoFlags }, family) => demoFlags.getDemoFlags(family.user.id),
    idOf: (family) => family.user.id,
    write: ({ demoFlags }, id, options) => demoFlags.putDemoFlags(id, { escalationSpeed: 77 }, options),
  },
  deleteUser: { ...user, write: ({ users }, id, options) => users.deleteUser(id, options) },
  deleteGoal: { ...goal, write: ({ goals }, id, options) => goals.deleteGoal(id, options) },
  deleteMilestone: { ...milestone, write: ({ milestones }, id, options) => milestones.deleteMilestone(id, options) },
  deleteTask: { ...task, write: ({ tasks }, id, options) => tasks.deleteTask(id, options) },
};

const isDeletion = (name: string) => name.startsWith("delete");

const mismatchCases: ContractCase[] = Object.entries(writes).map(([name, { rowOf, read, write, idOf }]) => ({
  name: `WriteOptions: ${name} with a version that the row does not have is version_mismatch, and writes nothing`,
  async run(services) {
    const family = await createFamily(services);
    const id = idOf(family);
    const version = versionOf(rowOf(family));
    for (const ifVersion of [
      otherVersion,
      "",
      [],
      [otherVersion, ""],
      [version.slice(1), `${version}0`, `"${version}"`],
    ]) {
      const error = await assertRefused(write(services, id, { ifVersion }), "version_mismatch");
      assert.equal(error.name, "VersionMismatchError");
      assert.match(error.message, / has changed since it was read\. Read it again before writing\.$/);
      assert.ok(error.message.includes(id), `"${error.message}" names the row`);
    }
    assert.deepEqual(await read(services, family), rowOf(family));
  },
}));

const matchCases: ContractCase[] = Object.entries(writes).map(([name, { rowOf, read, write, idOf }]) => ({
  name: `WriteOptions: ${name} with the version that the row has writes, whether it is one, one of several, or any`,
  async run(services) {
    for (const asked of [(version: string) => version, (version: string) => [otherVersion, version], () => "*"]) {
      const family = await createFamily(services);
      const version = versionOf(rowOf(family));
      const answer = await write(services, idOf(family), { ifVersion: asked(version) });
      if (isDeletion(name)) {
        assert.equal(answer, undefined);
        await assertNotFound(read(services, family));
      } else {
        const row = await read(services, family);
        assert.deepEqual(answer, row);
        assert.notEqual(versionOf(row), version);
      }
    }
  },
}));

const missingCases: ContractCase[] = Object.entries(writes)
  .filter(([name]) => name !== "putDemoFlags")
  .map(([name, { write }]) => ({
    name: `WriteOptions: ${name} of a row that does not exist is not_found, whatever version is asked for`,
    async run(services) {
      for (const ifVersion of ["*", otherVersion, []]) {
        await assertNotFound(write(services, unknownId(), { ifVersion }));
      }
    },
  }));

const otherCases: ContractCase[] = [
  {
    name: "versionOf: a row has one version however it was read, until a field changes, and again when it is changed back",
    async run({ users }) {
      const created = await users.createUser(makeUserData({ preferences: { b: [1, { z: null, a: 1.5 }], a: "é🙂" } }));
      const version = versionOf(created);
      assert.match(version, /^[0-9a-f]{32}$/);
      assert.equal(versionOf(await users.getUser(created.id)), version);
      const { items } = await users.listUsers({ email: created.email });
      assert.deepEqual(
        items.map((item) => versionOf(item)),
        [version],
      );
      assert.equal(versionOf(await users.updateUser(created.id, {})), version);
      const changes = [{ name: "x" }, { preferences: { a: "é🙂" } }, { demoMode: !created.demoMode }];
      const versions = [version];
      for (const change of changes) versions.push(versionOf(await users.updateUser(created.id, change)));
      assert.equal(new Set(versions).size, 4, "each change makes another version");
      const { name, preferences, demoMode } = created;
      assert.equal(versionOf(await users.updateUser(created.id, { name, preferences, demoMode })), version);
    },
  },
  {
    name: "WriteOptions: putDemoFlags with a version where none were set is version_mismatch, and sets none",
    async run(services) {
      const { demoFlags } = services;
      const { user: owner } = await createOwner(services);
      for (const ifVersion of ["*", otherVersion, [], ["*"]]) {
        await assertRefused(demoFlags.putDemoFlags(owner.id, {}, { ifVersion }), "version_mismatch");
      }
      await assertNotFound(demoFlags.getDemoFlags(owner.id));
    },
  },
  {
    name: "PutOptions: putDemoFlags with ifVersion null creates only, by itself and in a batch",
    async run(services) {
      const { demoFlags } = services;
      const [{ user: first }, { user: second }] = [await createOwner(services), await createOwner(services)];
      const created = await demoFlags.putDemoFlags(first.id, { escalationSpeed: 3 }, { ifVersion: null });
      await assertRefused(demoFlags.putDemoFlags(first.id, {}, { ifVersion: null }), "version_mismatch");
      assert.deepEqual(await demoFlags.getDemoFlags(first.id), created);
      const put = (userId: string) => services.batch([["demoFlags.putDemoFlags", userId, {}, { ifVersion: null }]]);
      await put(second.id);
      await assertRefused(put(first.id), "version_mismatch");
      await assertRefused(put(second.id), "version_mismatch");
      await assertRefused(demoFlags.putDemoFlags(randomUUID(), {}, { ifVersion: null }), "related_row_missing");
    },
  },
  {
    name: "WriteOptions: ifVersion of another type is invalid, and nothing is written",
    async run(services) {
      const { id } = await services.users.createUser(makeUserData());
      const before = await services.users.getUser(id);
      for (const ifVersion of [5, true, {}]) {
        const options = untyped({}, { ifVersion });
        await assertInvalid(services.users.updateUser(id, { name: "Other" }, options), "ifVersion");
        await assertInvalid(services.users.deleteUser(id, options), "ifVersion");
        await assertInvalid(services.demoFlags.putDemoFlags(id, {}, options), "ifVersion");
        await assertInvalid(services.batch([["users.deleteUser", id, options]]), "0.ifVersion");
      }
      assert.deepEqual(await services.users.getUser(id), before);
    },
  },
  {
    name: "WriteOptions: ifVersion undefined asks for nothing",
    async run(services) {
      const family = await createFamily(services);
      for (const [name, { write, idOf }] of Object.entries(writes)) {
        if (!isDeletion(name)) await write(services, idOf(family), { ifVersion: undefined });
      }
    },
  },
  {
    name: "WriteOptions: of 10 racing updates from one version one succeeds, and 9 are version_mismatch",
    async run(services) {
      const { goals } = services;
      const { goal: before } = await createOwner(services);
      const ifVersion = versionOf(before);
      const racers = Array.from({ length: 10 }, (_, index) =>
        goals.updateGoal(before.id, { title: `Racer ${index}` }, { ifVersion }),
      );
      const settled = await Promise.allSettled(racers);
      const winners = settled.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      const codes = settled.flatMap((outcome) =>
        outcome.status === "rejected"
          ? [isDaoError(outcome.reason) ? outcome.reason.code : String(outcome.reason)]
          : [],
      );
      assert.deepEqual(codes, Array(9).fill("version_mismatch"));
      assert.deepEqual(winners, [await goals.getGoal(before.id)]);
    },
  },
];

/** Versions of rows, and writes that depend on them. */
export const versionCases: readonly ContractCase[] = [...mismatchCases, ...matchCases, ...missingCases, ...otherCases];
