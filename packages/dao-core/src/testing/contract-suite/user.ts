import assert from "node:assert/strict";
import { makeUserData } from "../factories.ts";
import { assertConflict, assertInvalid, assertRefused } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { untyped } from "./untyped.ts";

const addresses: readonly ((unique: string) => string)[] = [
  (unique) => `${unique}@example.com`,
  (unique) => `${unique}+tag_x%y@sub.example.co.uk`,
  (unique) => `o'brien.${unique}@example.com`,
  (unique) => `${unique}@localhost`,
  (unique) => `ünï.${unique}@bücher.example`,
  (unique) => `UPPER.${unique}@Example.COM`,
  (unique) => `${unique.padEnd(255 - 12, "x")}@example.com`,
];

const noAddresses: readonly string[] = [
  "",
  "jane",
  "@example.com",
  "jane@",
  "jane@@example.com",
  "jane@example@com",
  "jane doe@example.com",
  " jane@example.com",
  "jane@example.com ",
  "jane@example.com\n",
  ".jane@example.com",
  "jane..doe@example.com",
  "jane.@example.com",
  "jane@example..com",
  "Jane <jane@example.com>",
  "a@example.com,b@example.com",
  "a\u0000b@example.com",
  "a\ud83db@example.com",
  `${"x".repeat(255 - 11)}@example.com`,
];

/** Rules of users only. Rules that several entities share have files of their own. */
export const userCases: readonly ContractCase[] = [
  {
    name: "contract, Data: a user has its fields and no others, and is read as it was created",
    async run({ users }) {
      const input = makeUserData({ preferences: { theme: "dark" }, demoMode: true });
      const user = await users.createUser(input);
      const { id, createdAt } = user;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(user, { id, ...input, createdAt });
      assert.deepEqual(await users.getUser(id), user);
      assert.deepEqual((await users.listUsers({ email: user.email })).items, [user]);
    },
  },
  {
    name: "contract, Data: a user's preferences default to {} and demo mode to false",
    async run({ users }) {
      const { name, email } = makeUserData();
      const { preferences, demoMode } = await users.createUser({ name, email });
      assert.deepEqual({ preferences, demoMode }, { preferences: {}, demoMode: false });
    },
  },
  {
    name: "contract, REST: fields that a user does not have are ignored, also createdAt and __proto__",
    async run({ users }) {
      const unknown: object = JSON.parse('{"__proto__": {"demoMode": true}, "constructor": 1, "colour": "red"}');
      const { id, createdAt } = await users.createUser(makeUserData());
      const { name, email } = makeUserData();
      const user = await users.createUser(untyped({ name, email }, { ...unknown, createdAt: new Date(0) }));
      assert.deepEqual(user, {
        id: user.id,
        name,
        email,
        preferences: {},
        demoMode: false,
        createdAt: user.createdAt,
      });
      assert.ok(user.createdAt >= createdAt);
      assert.deepEqual(await users.updateUser(user.id, untyped({}, { ...unknown, id, createdAt: new Date(0) })), user);
    },
  },
  {
    name: "contract, Data: an e-mail address is stored as it is, of 1 to 255 characters",
    async run({ users }) {
      const { id } = await users.createUser(makeUserData());
      for (const address of addresses) {
        const [created, updated] = [address(crypto.randomUUID()), address(crypto.randomUUID())];
        assert.equal((await users.createUser(makeUserData({ email: created }))).email, created);
        assert.equal((await users.updateUser(id, { email: updated })).email, updated);
      }
    },
  },
  {
    name: "contract, Data: anything but an e-mail address is refused",
    async run({ users }) {
      const user = await users.createUser(makeUserData());
      for (const email of noAddresses) {
        await assertInvalid(users.createUser(makeUserData({ email })), "email");
        await assertInvalid(users.updateUser(user.id, { email }), "email");
      }
      assert.deepEqual(await users.getUser(user.id), user);
    },
  },
  {
    name: "contract, Errors: an e-mail address that is taken is a conflict, at creation and at an update",
    async run({ users }) {
      const first = await users.createUser(makeUserData());
      const second = await users.createUser(makeUserData());
      await assertConflict(users.createUser(makeUserData({ email: first.email })));
      await assertConflict(users.updateUser(second.id, { email: first.email, name: "Other" }));
      assert.deepEqual(await users.getUser(second.id), second);
      assert.equal((await users.listUsers({ email: first.email })).total, 1);
      assert.deepEqual(await users.updateUser(first.id, { email: first.email }), first);
    },
  },
  {
    name: "contract, Errors: an error's message says what to do, and contains neither SQL nor the input",
    async run({ users }) {
      const { email } = await users.createUser(makeUserData());
      const secret = "correct horse battery staple";
      const conflict = await assertRefused(users.createUser(makeUserData({ email })), "conflict");
      const invalid = await assertRefused(
        users.createUser(untyped(makeUserData(), { email: secret, demoMode: secret })),
        "validation_failed",
      );
      for (const { message } of [conflict, invalid]) {
        assert.ok(message.length > 10);
        assert.doesNotMatch(message, /insert|select|users_|\$1|horse/i);
        assert.ok(!message.includes(email));
      }
    },
  },
  {
    name: "contract, Data: a user's name and e-mail address are required, and every broken rule is named",
    async run({ users }) {
      await assertInvalid(users.createUser(untyped(makeUserData(), { name: undefined })), "name");
      await assertInvalid(users.createUser(untyped(makeUserData(), { email: undefined })), "email");
      const wrong = { name: "", email: "jane", preferences: [], demoMode: "true" };
      await assertInvalid(users.createUser(untyped(makeUserData(), wrong)), "name", "email", "preferences", "demoMode");
    },
  },
  {
    name: "contract, Data: a user's fields are not coerced from other types, and not null",
    async run({ users }) {
      const user = await users.createUser(makeUserData());
      const wrongs: Record<string, readonly unknown[]> = {
        name: [null, 5, true, ["Jane"], {}],
        email: [null, 5, true, ["jane@example.com"], {}],
        demoMode: [null, 0, 1, "true", "", []],
      };
      for (const [field, values] of Object.entries(wrongs)) {
        for (const value of values) {
          await assertInvalid(users.createUser(untyped(makeUserData(), { [field]: value })), field);
          await assertInvalid(users.updateUser(user.id, untyped({}, { [field]: value })), field);
        }
      }
      assert.deepEqual(await users.getUser(user.id), user);
    },
  },
  {
    name: "contract, REST: an update of a user keeps what is absent, and {} returns the row unchanged",
    async run({ users }) {
      const user = await users.createUser(makeUserData({ preferences: { a: 1 }, demoMode: true }));
      const absent = { name: undefined, email: undefined, preferences: undefined, demoMode: undefined };
      assert.deepEqual(await users.updateUser(user.id, {}), user);
      assert.deepEqual(await users.updateUser(user.id, absent), user);
      const { email } = makeUserData();
      let expected = user;
      for (const change of [{ name: "Other" }, { email }, { preferences: { b: 2 } }, { demoMode: false }]) {
        expected = { ...expected, ...change };
        assert.deepEqual(await users.updateUser(user.id, { ...absent, ...change }), expected);
        assert.deepEqual(await users.getUser(user.id), expected);
      }
    },
  },
];
