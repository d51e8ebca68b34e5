import { afterEach, describe, expect, test, vi } from "vitest";
import { UnavailableError } from "../../../contract/errors.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { PooledConnection } from "./slot.ts";

/** A connection that counts statements in flight, like the real one. */
class FakeConnection implements PooledConnection {
  isAlive = true;
  readonly openedAt = performance.now();
  readonly activity = {
    running: 0,
    isBlocked: false,
    lastProgress: performance.now(),
    idle: (): Promise<void> =>
      this.activity.running === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve)),
  };
  /** Whether its peer still responds. */
  answers = true;
  onLost: (connection: FakeConnection, reason: "dead" | "retired") => void = () => undefined;
  readonly #whenIdle: (() => void)[] = [];

  async execute(until: Promise<unknown>): Promise<this> {
    this.activity.running++;
    try {
      await until;
      return this;
    } finally {
      this.activity.running--;
      this.activity.lastProgress = performance.now();
      if (this.activity.running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async isAnswering(): Promise<boolean> {
    await null;
    if (!this.answers) this.#lose("dead");
    return this.answers;
  }

  released(): void {}

  retire(): void {
    this.#lose("retired");
  }

  async close(): Promise<void> {
    this.isAlive = false;
  }

  #lose(reason: "dead" | "retired"): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.onLost(this, reason);
  }
}

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** The connections of statements that start in one turn and end when all have started. */
async function together(
  count: number,
  start: (until: Promise<void>) => Promise<FakeConnection>,
): Promise<FakeConnection[]> {
  const { opened, open } = gate();
  const started = Array.from({ length: count }, () => start(opened));
  open();
  return Promise.all(started);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await null;
}

const untilNextTurn = () => new Promise((resolve) => setImmediate(resolve));

const defaults = {
  poolSize: 1,
  pipelineDepth: 8,
  acquireTimeout: 1_000,
  maxWaiting: 100,
  idleTimeout: 0,
  maxLifetime: 0,
};

/** A pool of fake connections, and those that it has opened. */
function fakePool(options: Partial<typeof defaults> = {}, connect: () => Promise<void> = async () => undefined) {
  const opened: FakeConnection[] = [];
  const pool: ConnectionPool<FakeConnection> = new ConnectionPool(
    async () => {
      await connect();
      const connection = new FakeConnection();
      connection.onLost = (lost, reason) => pool.lost(lost, reason);
      opened.push(connection);
      return connection;
    },
    { ...defaults, ...options },
  );
  return { pool, opened };
}

/** A pool whose connections are all open and idle. */
async function warmPool(size: number, options: Partial<typeof defaults> = {}) {
  const { pool, opened } = fakePool({ poolSize: size, ...options });
  const { opened: allOpen, open } = gate();
  const holding = Array.from({ length: size }, () => pool.exclusive(() => allOpen));
  await untilNextTurn();
  open();
  await Promise.all(holding);
  return { pool, opened };
}

describe("a pool of connections", () => {
  test.each(Array.from({ length: 16 }, (_, count) => count))(
    "starts a waiting statement on admission, before a transaction that comes %i turns later",
    async (count) => {
      const { pool } = fakePool();
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

  test("serves waiting callers in order", async () => {
    const { pool } = fakePool();
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

  test("rejects a caller when the queue is full", async () => {
    const { pool } = fakePool({ maxWaiting: 2 });
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    await untilNextTurn();
    const waiting = [pool.shared("read", async () => 1), pool.shared("read", async () => 2)];
    await expect(pool.shared("read", async () => 3)).rejects.toBeInstanceOf(UnavailableError);
    open();
    expect(await Promise.all(waiting)).toEqual([1, 2]);
    await holding;
  });

  test("drops a waiting caller whose requester disconnects, and reads its signal only then", async () => {
    const { pool } = fakePool();
    const gone = new AbortController();
    let asked = 0;
    const requester = {
      get signal() {
        asked++;
        return gone.signal;
      },
    };
    await pool.shared("read", async () => 1, requester);
    await pool.exclusive(async () => 1, { requester });
    expect(asked).toBe(1); // By the first caller, which waited for the connection to be opened.
    const { opened, open } = gate();
    let begun = 0;
    const holding = pool.exclusive(() => opened);
    const waiting = [
      pool.shared("read", async () => begun++, requester),
      pool.exclusive(async () => begun++, { requester }),
      pool.exclusive(async () => begun++, { requester, signal: new AbortController().signal }),
    ];
    gone.abort();
    waiting.push(pool.shared("read", async () => begun++, requester));
    for (const outcome of await Promise.allSettled(waiting))
      expect(outcome).toMatchObject({ reason: gone.signal.reason });
    expect(pool.usage.waiting).toBe(0);
    open();
    await holding;
    expect(begun).toBe(0);
  });

  test("replaces a connection that was lost while it was held", async () => {
    const { pool, opened } = fakePool();
    await pool.exclusive((connection) => connection.close());
    await pool.exclusive(async (connection) => expect(connection.isAlive).toBe(true));
    expect(opened).toHaveLength(2);
  });

  test("lets running and waiting calls finish when closed, and rejects later ones", async () => {
    const { pool } = fakePool();
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    const waiting = pool.exclusive(async () => "served");
    const closing = pool.close(1_000);
    await expect(pool.exclusive(async () => undefined)).rejects.toBeInstanceOf(UnavailableError);
    open();
    expect(await waiting).toBe("served");
    await Promise.all([holding, closing]);
    await expect(pool.shared("read", async () => undefined)).rejects.toBeInstanceOf(UnavailableError);
  });

  test("rejects callers that still wait when the time to close is over", async () => {
    const { pool } = fakePool();
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    const waiting = pool.exclusive(async () => undefined);
    const refused = expect(waiting).rejects.toBeInstanceOf(UnavailableError);
    await pool.close(10);
    await refused;
    open();
    await holding;
  });
});

describe("on shared connections", () => {
  test("a read is sent after a write only if there is no other connection", async () => {
    const { pool } = await warmPool(2);
    const { opened, open } = gate();
    const write = pool.shared("write", (connection) => connection.execute(opened));
    const reads = Array.from({ length: 8 }, () => pool.shared("read", (connection) => connection.execute(opened)));
    const behind = pool.shared("read", (connection) => connection.execute(opened));
    open();
    const writing = await write;
    expect((await Promise.all(reads)).filter((connection) => connection === writing)).toEqual([]);
    expect(await behind).toBe(writing);
  });

  test("nothing is sent on a blocked connection until it responds", async () => {
    const { pool, opened: connections } = await warmPool(1);
    const [connection] = connections;
    if (connection === undefined) throw new RangeError("there is no connection");
    const { opened, open } = gate();
    const stuck = pool.shared("write", () => connection.execute(opened));
    connection.activity.isBlocked = true;
    const waiting = [
      pool.shared("read", () => connection.execute(opened)),
      pool.exclusive(async () => connection.activity.running),
    ];
    await turns(20);
    expect(connection.activity.running).toBe(1);
    connection.activity.isBlocked = false;
    open();
    await Promise.all([stuck, ...waiting]);
  });

  test("a connection has a limited number of statements in flight, and the others queue", async () => {
    const { pool, opened: connections } = await warmPool(1);
    const { opened, open } = gate();
    const order: number[] = [];
    const statements = Array.from({ length: 20 }, (_, index) =>
      pool.shared("read", (connection) => connection.execute(opened)).then(() => order.push(index)),
    );
    await turns(20);
    expect(connections.map(({ activity }) => activity.running)).toEqual([8]);
    open();
    await Promise.all(statements);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  describe("writes that start in one turn of the event loop", () => {
    const write = (pool: ConnectionPool<FakeConnection>, until: Promise<unknown>) =>
      pool.shared("write", (connection) => connection.execute(until));

    test("have a connection each while one is idle, then share those in use, four at a time", async () => {
      const { pool } = await warmPool(2);
      const used = await together(8, (opened) => write(pool, opened));
      const [one, two] = used;
      expect(one).not.toBe(two);
      expect(used.slice(2).map((connection) => (connection === one ? 1 : 2))).toEqual([1, 1, 1, 1, 2, 2]);
    });

    test("are not sent behind one of them that is blocked by then, or on a connection that is lost or full", async () => {
      for (const what of ["block", "lose", "full"] as const) {
        const { pool } = await warmPool(2);
        const { opened, open } = gate();
        const busy = [write(pool, opened), write(pool, opened), write(pool, opened)];
        const [one] = await Promise.all([pool.shared("write", async (connection) => connection)]);
        if (what === "block") one.activity.isBlocked = true;
        else if (what === "lose") one.retire();
        else busy.push(...Array.from({ length: 8 - one.activity.running }, () => one.execute(opened)));
        const others = [write(pool, opened), write(pool, opened)];
        open();
        expect(await Promise.all(others)).not.toContain(one);
        await Promise.all(busy);
      }
    });
  });

  describe("point queries that start in one turn of the event loop", () => {
    const pointQuery = (pool: ConnectionPool<FakeConnection>, until: Promise<unknown>) =>
      pool.shared("point", (connection) => connection.execute(until));

    test("share a connection, at most four of them, even if others are idle", async () => {
      const { pool } = await warmPool(3);
      const used = await together(9, (opened) => pointQuery(pool, opened));
      const shares = [...new Set(used)].map((one) => used.filter((other) => other === one).length);
      expect(shares).toEqual([4, 4, 1]);
    });

    test("use an idle connection in the next turn", async () => {
      const { pool } = await warmPool(2);
      const { opened, open } = gate();
      const first = pointQuery(pool, opened);
      await untilNextTurn();
      const second = pointQuery(pool, opened);
      open();
      expect(await first).not.toBe(await second);
    });

    test.each(["write", "read"] as const)("are not sent after a %s if there is another connection", async (use) => {
      const { pool } = await warmPool(2);
      const { opened, open } = gate();
      const other = pool.shared(use, (connection) => connection.execute(opened));
      const reads = [pointQuery(pool, opened), pointQuery(pool, opened)];
      open();
      const taken = await other;
      expect((await Promise.all(reads)).filter((one) => one === taken)).toEqual([]);
    });

    test("are not sent on a connection that a transaction holds, or that has a write, is blocked or is lost", async () => {
      for (const take of ["transaction", "write", "block", "lose"] as const) {
        const { pool } = await warmPool(2);
        const first = await pointQuery(pool, Promise.resolve());
        const { opened, open } = gate();
        let taken: Promise<unknown> = Promise.resolve();
        if (take === "transaction") taken = pool.exclusive(() => opened);
        else if (take === "write") taken = pool.shared("write", (connection) => connection.execute(opened));
        else if (take === "lose") first.retire();
        else {
          first.activity.isBlocked = true;
          taken = first.execute(opened);
        }
        const second = pointQuery(pool, opened);
        open();
        expect(await second, take).not.toBe(first);
        await taken;
      }
    });
  });
});

describe("opening connections", () => {
  const refused = () => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  afterEach(() => vi.useRealTimers());

  test("if none can be opened, waiting callers are rejected with the reason", async () => {
    const error = refused();
    const { pool } = fakePool({ poolSize: 3 }, () => Promise.reject(error));
    const calls = Array.from({ length: 5 }, () => pool.shared("read", async () => 1));
    for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ reason: error });
  });

  test.each([1, 10])(
    "backs off, of size %d: one attempt at a time, after pauses that grow to a second",
    async (size) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      const attempts: number[] = [];
      const { pool } = fakePool({ poolSize: size }, () => {
        attempts.push(performance.now());
        return Promise.reject(refused());
      });
      const STEP = 4;
      for (let time = 0; time < 4_000; time += STEP) {
        void Promise.allSettled(Array.from({ length: size + 1 }, () => pool.shared("read", async () => 1)));
        await vi.advanceTimersByTimeAsync(STEP);
      }
      // As many as there may be at first, whose pauses are 10–20, 20–40, … 500–1,000 ms.
      const pauses = attempts.slice(size).map((at, index) => at - (attempts[index + size - 1] ?? 0));
      expect(pauses.length).toBeGreaterThan(3);
      for (const [index, pause] of pauses.entries()) {
        const longest = Math.min(20 * 2 ** (index + size - 1), 1_000);
        expect(pause, `pause ${index}`).toBeGreaterThanOrEqual(longest / 2);
        expect(pause, `pause ${index}`).toBeLessThanOrEqual(longest + STEP);
      }
    },
  );

  test("a caller for whom that takes too long gets the reason", async () => {
    const { pool } = fakePool({ acquireTimeout: 20 }, () => new Promise<never>(() => undefined));
    await expect(pool.shared("read", async () => 1)).rejects.toThrow(/Opening one takes longer.*raise acquireTimeout/);
  });

  test("does not wait for an attempt that hangs, but makes another", async () => {
    let attempts = 0;
    const { pool } = fakePool({ poolSize: 2, acquireTimeout: 60_000 }, () =>
      attempts++ === 0 ? new Promise<never>(() => undefined) : Promise.resolve(),
    );
    const call = pool.shared("read", async () => "done");
    await untilNextTurn();
    expect(attempts).toBe(1);
    expect(await call).toBe("done");
    expect(attempts).toBe(2);
  });

  test("learns how many the server permits, and lets callers wait for those", async () => {
    let given = 0;
    const { pool, opened } = fakePool({ poolSize: 10 }, async () => {
      if (given === 3) throw Object.assign(new Error("too many"), { code: "53300" });
      given++;
    });
    const calls = Array.from({ length: 40 }, (_, index) => pool.exclusive(async () => index));
    expect(await Promise.all(calls)).toHaveLength(40);
    expect(opened).toHaveLength(3);
    expect(pool.usage.size).toBe(3);
  });

  test("a caller for whom those are too few gets the reason", async () => {
    let given = 0;
    const { pool } = fakePool({ poolSize: 2, acquireTimeout: 50 }, async () => {
      if (given++ === 1) throw Object.assign(new Error("too many"), { code: "53300" });
    });
    const { opened, open } = gate();
    const holding = pool.exclusive(() => opened);
    await expect(pool.exclusive(async () => undefined)).rejects.toThrow(/gives no more than 1 connection/);
    open();
    await holding;
  });

  test("a retired connection is replaced only after its statements have settled", async () => {
    const { pool, opened } = await warmPool(1);
    const { opened: done, open } = gate();
    const running = pool.shared("read", (connection) => connection.execute(done));
    pool.replaceOpenedBefore(performance.now() + 1);
    const next = pool.shared("read", async (connection) => connection);
    await turns(20);
    expect(opened).toHaveLength(1);
    open();
    expect(await running).toBe(opened[0]);
    expect(await next).toBe(opened[1]);
  });
});

describe("idle connections", () => {
  test("are tested before use after a long time, and replaced if dead", async () => {
    const { pool, opened } = await warmPool(2);
    for (const connection of opened) connection.activity.lastProgress -= 60_000;
    const [first, second] = opened;
    if (first === undefined || second === undefined) throw new RangeError("there are no two connections");
    first.answers = false;
    const used = await pool.shared("read", async (connection) => connection);
    expect(used).not.toBe(first);
    expect(first.isAlive).toBe(false);
    expect(second.isAlive).toBe(true);
  });

  test("are all tested when one is found dead", async () => {
    const { pool, opened } = await warmPool(4);
    for (const connection of opened) connection.answers = false;
    opened[0]?.isAnswering();
    await untilNextTurn();
    expect(opened.map(({ isAlive }) => isAlive)).toEqual([false, false, false, false]);
    expect(await pool.shared("read", async (connection) => connection.isAlive)).toBe(true);
  });

  test.each([{ idleTimeout: 20 }, { maxLifetime: 20 }])("are closed after %o", async (limit) => {
    const { pool, opened } = await warmPool(2, limit);
    const ended = () => opened.every(({ isAlive }) => !isAlive);
    for (const end = performance.now() + 10_000; !ended() && performance.now() < end; ) await untilNextTurn();
    expect(ended()).toBe(true);
    expect(pool.usage.idle).toBe(0);
    await pool.close(0);
  });
});
