import assert from "node:assert/strict";
import { makeDemoFlagsData, makeUserData } from "../factories.ts";
import { assertInvalid, assertNotFound, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Demo flags: one row per user, created and replaced by the same call. */
export const demoFlagsCases: readonly ContractCase[] = [
  {
    name: "contract, Data: demo flags have their fields and no others, and are read as they were put",
    async run({ users, demoFlags }) {
      const { id: userId } = await users.createUser(makeUserData());
      const input = makeDemoFlagsData({ virtualNow: new Date("2026-03-01T08:00:00.123Z"), escalationSpeed: 2.5 });
      const flags = await demoFlags.putDemoFlags(userId, input);
      assert.deepEqual(flags, { userId, ...input });
      assert.deepEqual(await demoFlags.getDemoFlags(userId), flags);
    },
  },
  {
    name: "contract, Data: demo flags default to the real time at speed 1",
    async run({ users, demoFlags }) {
      const { id: userId } = await users.createUser(makeUserData());
      const flags = await demoFlags.putDemoFlags(userId, {});
      assert.deepEqual(flags, { userId, virtualNow: null, escalationSpeed: 1 });
      assert.deepEqual(await demoFlags.getDemoFlags(userId), flags);
    },
  },
  {
    name: "contract, REST: PUT demo flags creates or replaces, all fields of the one user",
    async run(services) {
      const { demoFlags } = services;
      const [one, two] = [await createOwner(services), await createOwner(services)];
      const others = await demoFlags.putDemoFlags(two.user.id, makeDemoFlagsData());
      const userId = one.user.id;
      const virtualNow = new Date("2026-03-01T08:00:00.000Z");
      for (const [input, virtualTime, escalationSpeed] of [
        [{ virtualNow, escalationSpeed: 60 }, virtualNow, 60],
        [{ escalationSpeed: 5 }, null, 5],
        [{ virtualNow }, virtualNow, 1],
        [{ virtualNow: null, escalationSpeed: undefined }, null, 1],
      ] as const) {
        const expected = { userId, virtualNow: virtualTime, escalationSpeed };
        assert.deepEqual(await demoFlags.putDemoFlags(userId, input), expected);
        assert.deepEqual(await demoFlags.getDemoFlags(userId), expected);
      }
      assert.deepEqual(await demoFlags.getDemoFlags(two.user.id), others);
    },
  },
  {
    name: "contract, Data: the escalation speed is a finite number from 0",
    async run(services) {
      const { demoFlags } = services;
      const { id: userId } = (await createOwner(services)).user;
      for (const escalationSpeed of [0, 0.1, 1 / 3, 1e-300, 5e-324, 60, 1e21, Number.MAX_VALUE]) {
        await demoFlags.putDemoFlags(userId, { escalationSpeed });
        assert.equal((await demoFlags.getDemoFlags(userId)).escalationSpeed, escalationSpeed);
      }
      const before = await demoFlags.getDemoFlags(userId);
      const wrongs = [
        -0.1,
        -1e-300,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        null,
        "1",
        true,
        [],
      ];
      for (const wrong of wrongs) {
        const flags = untyped({}, { escalationSpeed: wrong });
        await assertInvalid(demoFlags.putDemoFlags(userId, flags), "escalationSpeed");
      }
      assert.deepEqual(await demoFlags.getDemoFlags(userId), before);
    },
  },
  {
    name: "contract, REST: a user id within demo flags may be omitted, and must be the user's if given",
    async run(services) {
      const { demoFlags } = services;
      const { id: userId } = (await createOwner(services)).user;
      const other = await createOwner(services);
      assert.equal((await demoFlags.putDemoFlags(userId, { userId })).userId, userId);
      assert.equal((await demoFlags.putDemoFlags(userId, { userId: userId.toUpperCase() })).userId, userId);
      for (const wrong of [other.user.id, unknownId(), "no uuid", null, 5]) {
        const flags = untyped({ escalationSpeed: 9 }, { userId: wrong });
        await assertInvalid(demoFlags.putDemoFlags(userId, flags), "userId");
      }
      assert.equal((await demoFlags.getDemoFlags(userId)).escalationSpeed, 1);
      await assertNotFound(demoFlags.getDemoFlags(other.user.id));
    },
  },
  {
    name: "contract, REST: demo flags of a user where none were set are not_found",
    async run(services) {
      const { user } = await createOwner(services);
      await assertNotFound(services.demoFlags.getDemoFlags(user.id));
    },
  },
  {
    name: "contract, Errors: demo flags for a user who does not exist are related_row_missing",
    async run({ demoFlags }) {
      const userId = unknownId();
      await assertRelatedRowMissing(demoFlags.putDemoFlags(userId, makeDemoFlagsData()), "userId", userId);
      await assertRelatedRowMissing(demoFlags.putDemoFlags(userId, makeDemoFlagsData({ userId })), "userId", userId);
      await assertNotFound(demoFlags.getDemoFlags(userId));
    },
  },
  {
    name: "contract, REST: fields that demo flags do not have are ignored",
    async run(services) {
      const { demoFlags } = services;
      const { id: userId } = (await createOwner(services)).user;
      const flags = await demoFlags.putDemoFlags(userId, untyped({}, { colour: "red", createdAt: new Date(0) }));
      assert.deepEqual(flags, { userId, virtualNow: null, escalationSpeed: 1 });
    },
  },
];
