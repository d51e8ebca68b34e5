import { describe, expect, test } from "vitest";
import { UnavailableError } from "../../contract/errors.ts";
import { LanePool, type PooledLane } from "./connection-pool.ts";

function idleLane(): PooledLane {
  return { isAlive: true, running: 0, isStalled: false, idle: async () => undefined, close: async () => undefined };
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

/** A lane that counts what is on its way, as the real one does. */
class CountingLane implements PooledLane {
  readonly isAlive = true;
  running = 0;
  isStalled = false;

  async execute(until: Promise<unknown>): Promise<this> {
    this.running++;
    try {
      await until;
      return this;
    } finally {
      this.running--;
    }
  }

  async idle(): Promise<void> {}
  async close(): Promise<void> {}
}

describe("on shared lanes", () => {
  test("a read goes behind a write only where there is no other lane", async () => {
    const pool = new LanePool(() => new CountingLane(), { ...options, size: 2 });
    const { opened, open } = gate();
    const write = pool.shared("write", (lane) => lane.execute(opened));
    const reads = Array.from({ length: 8 }, () => pool.shared("read", (lane) => lane.execute(opened)));
    const behind = pool.shared("read", (lane) => lane.execute(opened));
    open();
    const writing = await write;
    expect((await Promise.all(reads)).filter((lane) => lane === writing)).toEqual([]);
    expect(await behind).toBe(writing);
  });

  test("nothing is sent on a lane that is stalled, until it goes on", async () => {
    const lane = new CountingLane();
    const pool = new LanePool(() => lane, options);
    const { opened, open } = gate();
    const stuck = pool.shared("write", () => lane.execute(opened));
    lane.isStalled = true;
    const waiting = [pool.shared("read", () => lane.execute(opened)), pool.exclusive(async () => lane.running)];
    await turns(20);
    expect(lane.running).toBe(1);
    lane.isStalled = false;
    open();
    await Promise.all([stuck, ...waiting]);
  });

  test("as many statements are on their way as a lane takes, and the others wait in line", async () => {
    const lane = new CountingLane();
    const pool = new LanePool(() => lane, { ...options, maxWaiting: 100 });
    const { opened, open } = gate();
    const order: number[] = [];
    const statements = Array.from({ length: 20 }, (_, index) =>
      pool.shared("read", () => lane.execute(opened)).then(() => order.push(index)),
    );
    await turns(20);
    expect(lane.running).toBe(8);
    open();
    await Promise.all(statements);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  describe("short reads that are begun in one turn of the event loop", () => {
    const short = (pool: LanePool<CountingLane>, until: Promise<unknown>) =>
      pool.shared("short read", (lane) => lane.execute(until));

    test("share a lane, four at a time, though others are idle", async () => {
      const pool = new LanePool(() => new CountingLane(), { ...options, size: 3 });
      const { opened, open } = gate();
      const reads = Array.from({ length: 9 }, () => short(pool, opened));
      open();
      const lanes = await Promise.all(reads);
      const shares = [...new Set(lanes)].map((lane) => lanes.filter((other) => other === lane).length);
      expect(shares).toEqual([4, 4, 1]);
    });

    test("and those of the next turn take an idle one", async () => {
      const pool = new LanePool(() => new CountingLane(), { ...options, size: 2 });
      const { opened, open } = gate();
      const first = short(pool, opened);
      await new Promise((resolve) => setImmediate(resolve));
      const second = short(pool, opened);
      open();
      expect(await first).not.toBe(await second);
    });

    test.each(["write", "read"] as const)("do not go behind a %s while there is another lane", async (use) => {
      const pool = new LanePool(() => new CountingLane(), { ...options, size: 2 });
      const { opened, open } = gate();
      const other = pool.shared(use, (lane) => lane.execute(opened));
      const reads = [short(pool, opened), short(pool, opened)];
      open();
      const lane = await other;
      expect((await Promise.all(reads)).filter((one) => one === lane)).toEqual([]);
    });

    test("nor on a lane that a transaction has taken, a write has joined, or that is stalled", async () => {
      for (const take of ["transaction", "write", "stall"] as const) {
        const pool = new LanePool(() => new CountingLane(), { ...options, size: 2 });
        const first = await short(pool, Promise.resolve());
        const { opened, open } = gate();
        let taken: Promise<unknown> = Promise.resolve();
        if (take === "transaction") taken = pool.exclusive(() => opened);
        else if (take === "write") taken = pool.shared("write", (lane) => lane.execute(opened));
        else {
          first.isStalled = true;
          taken = first.execute(opened);
        }
        const second = short(pool, opened);
        open();
        expect(await second, take).not.toBe(first);
        await taken;
      }
    });
  });
});
