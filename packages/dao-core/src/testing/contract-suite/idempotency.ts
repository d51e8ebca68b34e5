import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { JsonValue } from "../../contract/fields/json.ts";
import { runOnce } from "../../idempotency.ts";
import type { DatabaseSession } from "../../session/database-session.ts";
import { makeUserData } from "../factories.ts";
import { assertInvalid, assertRefused } from "./assert-refused.ts";

/** One rule of sessions, which services do not show, as a test that any runner can run. */
export interface SessionCase {
  readonly name: string;
  /** Creates its own rows and ignores others. Rejects with an `AssertionError` if the rule is violated. */
  run(session: DatabaseSession): Promise<void>;
}

const usersWith = async (session: DatabaseSession, email: string) => (await session.users.list({ email })).total;

/** Work that creates a user, to be counted. */
function signUp(email = makeUserData().email) {
  const work = async ({ users }: DatabaseSession) => (await users.create(makeUserData({ email }))).id;
  return { email, key: randomUUID(), work };
}

/** `runOnce` on any session: its key and result are written with the work itself. */
export const idempotencyCases: readonly SessionCase[] = [
  {
    name: "idempotency: work is done once under its key, and its result is returned again",
    async run(session) {
      const { email, key, work } = signUp();
      const first = await runOnce(session, { key }, work);
      const second = await runOnce(session, { key }, work);
      assert.deepEqual([first.isReplay, second.isReplay], [false, true]);
      assert.equal(second.result, first.result);
      assert.equal(await usersWith(session, email), 1);
    },
  },
  {
    name: "idempotency: of callers at once with one key, one does the work",
    async run(session) {
      const { email, key, work } = signUp();
      const outcomes = await Promise.all([1, 2, 3].map(() => runOnce(session, { key }, work)));
      assert.equal(outcomes.filter(({ isReplay }) => !isReplay).length, 1);
      assert.equal(new Set(outcomes.map(({ result }) => result)).size, 1);
      assert.equal(await usersWith(session, email), 1);
    },
  },
  {
    name: "idempotency: the same key in another scope is another key",
    async run(session) {
      const { key } = signUp();
      const outcomes = [
        await runOnce(session, { key, scope: "one" }, signUp().work),
        await runOnce(session, { key, scope: "other" }, signUp().work),
      ];
      assert.deepEqual(
        outcomes.map(({ isReplay }) => isReplay),
        [false, false],
      );
    },
  },
  {
    name: "idempotency: a key that was used for other work is refused, and nothing is done",
    async run(session) {
      const { key, work } = signUp();
      await runOnce(session, { key, fingerprint: "one" }, work);
      const other = signUp();
      await assertRefused(runOnce(session, { key, fingerprint: "other" }, other.work), "idempotency_key_reused");
      assert.equal(await usersWith(session, other.email), 0);
    },
  },
  {
    name: "idempotency: work that throws leaves nothing, and may be tried again under its key",
    async run(session) {
      const { email, key, work } = signUp();
      const failing = runOnce(session, { key }, async (uow) => {
        await work(uow);
        throw new RangeError("of the work");
      });
      await assert.rejects(failing, RangeError);
      assert.equal(await usersWith(session, email), 0);
      assert.equal((await runOnce(session, { key }, work)).isReplay, false);
      assert.equal(await usersWith(session, email), 1);
    },
  },
  {
    name: "idempotency: a result of any JSON is returned again as it was",
    async run(session) {
      const results: JsonValue[] = [
        null,
        0,
        "",
        "text with \u00e4 and \ud83d\ude00",
        [],
        [null, { a: [1.5] }],
        { "": false },
      ];
      for (const result of results) {
        const key = randomUUID();
        await runOnce(session, { key }, async () => result);
        const again = await runOnce(session, { key }, async () => "other work");
        assert.deepEqual(again, { result, isReplay: true });
      }
    },
  },
  {
    name: "idempotency: within a unit of work the key is part of it, and undone with it",
    async run(session) {
      const { email, key, work } = signUp();
      const undone = session.transaction(async (outer) => {
        await runOnce(outer, { key }, work);
        throw new RangeError("of the unit of work");
      });
      await assert.rejects(undone, RangeError);
      assert.equal((await runOnce(session, { key }, work)).isReplay, false);
      assert.equal(await usersWith(session, email), 1);
    },
  },
  {
    name: "idempotency: a key has 1 to 255 characters, a scope and a fingerprint up to 255",
    async run(session) {
      const { work } = signUp();
      await assertInvalid(runOnce(session, { key: "" }, work), "key");
      await assertInvalid(runOnce(session, { key: "k".repeat(256) }, work), "key");
      const tooLong = { key: "k", scope: "s".repeat(256), fingerprint: "f".repeat(256) };
      await assertInvalid(runOnce(session, tooLong, work), "scope", "fingerprint");
    },
  },
];
