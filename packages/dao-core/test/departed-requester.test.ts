import { DaoUnitOfWork, runOnce } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import { describe, expect, test } from "vitest";
import { everyDriver } from "./every-driver.ts";

/** Requests of the other clients wait in the client's own queue, and cannot be removed from it. */
const names = ["postgres.js", "PGlite", "the application's pg"];
const drivers = everyDriver.filter(({ driver }) => names.includes(driver));

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe("a call whose requester disconnects while it waits for a connection is not started", () => {
  test("on every driver with a queue of its own", () => {
    expect(drivers.map(({ driver }) => driver)).toEqual(names);
  });

  test.each(drivers)("$driver", async ({ open }) => {
    await using scene = await open();
    const { database } = scene;
    const [held, released] = [gate(), gate()];
    const holding = DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.list({ limit: 1 });
      held.open();
      await released.opened;
    });
    await held.opened;
    const gone = new AbortController();
    const requester = { signal: gone.signal };
    let units = 0;
    const calls = [
      database.users.list({}, { requester }),
      database.users.create(makeUserData(), { requester }),
      database.users.create(makeUserData(), { requester, signal: new AbortController().signal }),
      DaoUnitOfWork.run(database, async () => ++units, { requester }),
      runOnce(database, { key: "once", requester }, async () => ++units),
    ];
    const staying = database.users.create(makeUserData(), { requester: { signal: new AbortController().signal } });
    gone.abort(new Error("gone"));
    const later = database.users.list({}, { requester });
    for (const outcome of await Promise.allSettled([...calls, later])) {
      expect(outcome).toMatchObject({ status: "rejected", reason: gone.signal.reason });
    }
    released.open();
    await holding;
    const { id } = await staying;
    expect((await database.users.list()).items.map((user) => user.id)).toEqual([id]);
    expect(units).toBe(0);
  });
});
