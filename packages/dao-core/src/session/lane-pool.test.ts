import { describe, expect, test } from "vitest";
import { UnavailableError } from "../contract/errors.ts";
import { LanePool, type PooledLane } from "./lane-pool.ts";

function idleLane(): PooledLane {
  return { isAlive: true, running: 0, idle: async () => undefined, close: async () => undefined };
}

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await null;
}

const options = { size: 1, acquireTimeout: 1_000, maxWaiting: 2 };

describe("a pool of lanes", () => {
  test.each(Array.from({ length: 16 }, (_, count) => count))(
    "starts a statement that waited as it is admitted, before a transaction that comes %i turns later",
    async (count) => {
      const pool = new LanePool(idleLane, options);
      const { opened, open } = gate();
      let isInTransaction = false;
      const first = pool.exclusive(() => opened);
      const statement = pool.shared("read", async () => isInTransaction);
      open();
      const second = turns(count).then(() =>
        pool.exclusive(async () => {
          isInTransaction = true;
          await turns(50);
          isInTransaction = false;
        }),
      );
      expect(await statement).toBe(false);
      await Promise.all([first, second]);
    },
  );

  test("serves those who wait in the order in which they came", async () => {
    const pool = new LanePool(idleLane, options);
    const { opened, open } = gate();
    const served: string[] = [];
    const holding = pool.exclusive(() => opened);
    const waiting = [
      pool.shared("read", async () => served.push("statement")),
      pool.exclusive(async () => served.push("transaction")),
    ];
    open();
    await Promise.all([holding, ...waiting]);
    expect(served).toEqual(["statement", "transaction"]);
  });

  test("turns away whoever would wait behind as many as may", async () => {
    const pool = new LanePool(idleLane, options);
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    const waiting = [pool.shared("read", async () => 1), pool.shared("read", async () => 2)];
    await expect(pool.shared("read", async () => 3)).rejects.toBeInstanceOf(UnavailableError);
    open();
    expect(await Promise.all(waiting)).toEqual([1, 2]);
    await holding;
  });

  test("replaces a lane that was lost while it was held", async () => {
    const lanes: PooledLane[] = [];
    const pool = new LanePool(() => {
      let isAlive = true;
      const lane: PooledLane = {
        ...idleLane(),
        get isAlive() {
          return isAlive;
        },
        close: async () => {
          isAlive = false;
        },
      };
      lanes.push(lane);
      return lane;
    }, options);
    await pool.exclusive((lane) => lane.close());
    await pool.exclusive(async (lane) => expect(lane.isAlive).toBe(true));
    expect(lanes).toHaveLength(2);
  });

  test("once closed refuses, and those who wait too", async () => {
    const pool = new LanePool(idleLane, options);
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    const waiting = pool.exclusive(async () => undefined);
    const closing = pool.close(1_000);
    await expect(waiting).rejects.toBeInstanceOf(UnavailableError);
    open();
    await Promise.all([holding, closing]);
    await expect(pool.exclusive(async () => undefined)).rejects.toBeInstanceOf(UnavailableError);
  });
});
