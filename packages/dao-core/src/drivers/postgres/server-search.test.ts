import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TargetSession } from "../../connection-string/database-url.ts";
import { codedError } from "../../session/postgres-errors.ts";
import { type Candidate, type SearchedLocation, type SessionState, serverSearch } from "./server-search.ts";

const PRIMARY = { isStandby: false, isReadOnly: false };
const STANDBY = { isStandby: true, isReadOnly: true };
const FENCED = { isStandby: false, isReadOnly: true };

const refused = (host: string) => codedError("ECONNREFUSED", `No connection to ${host}:5432: connect ECONNREFUSED.`);

class Session {
  readonly host: string;
  readonly state: SessionState;
  isOpen = true;

  constructor(host: string, state: SessionState) {
    this.host = host;
    this.state = state;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}

/** Servers by name or address, with what they are or why they fail, and a search among them. */
function network(
  servers: Record<string, SessionState | Error>,
  options: Partial<SearchedLocation> & { addresses?: Record<string, string[]>; hosts?: readonly string[] } = {},
) {
  const { addresses = {}, hosts = Object.keys(servers), ...rest } = options;
  const tried: string[] = [];
  const shares: number[] = [];
  const sessions: Session[] = [];
  const onMoved = vi.fn();
  const [first = "", ...others] = hosts;
  const address = (host: string) => ({ host, port: 5432 });
  const location: SearchedLocation = {
    servers: [address(first), ...others.map(address)],
    targetSession: "any",
    balancesLoad: false,
    ...rest,
  };
  const lookUp = async (host: string) => (addresses[host] ?? [host]).map((address) => ({ address }));
  const search = serverSearch(location, 6_000, onMoved, lookUp);
  const open = async ({ host, address = host }: Candidate, connectTimeout: number) => {
    tried.push(address);
    shares.push(connectTimeout);
    const server = servers[address];
    if (server === undefined || server instanceof Error) throw server ?? refused(host);
    const session = new Session(address, server);
    sessions.push(session);
    return session;
  };
  /** The server that is found, and those that were tried. */
  const find = async () => {
    tried.length = 0;
    const { host } = await search.find(open, new AbortController().signal);
    return [host, ...tried];
  };
  return { servers, search, find, open, shares, sessions, onMoved };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

describe("a server among several", () => {
  test("is the first that accepts, and is tried first from then on, until it fails", async () => {
    const { find, servers, onMoved } = network({ one: refused("one"), two: PRIMARY, three: PRIMARY });
    expect(await find()).toEqual(["two", "one", "two"]);
    expect(await find()).toEqual(["two", "two"]);
    expect(onMoved, "no other one was found before").not.toHaveBeenCalled();
    servers["two"] = refused("two");
    expect(await find()).toEqual(["three", "two", "three"]);
    expect(onMoved, "all connections lead to one server").toHaveBeenCalledOnce();
    servers["three"] = refused("three");
    servers["one"] = PRIMARY;
    expect(await find()).toEqual(["one", "three", "one"]);
  });

  test.each<[TargetSession, string]>([
    ["any", "fenced"],
    ["read-write", "primary"],
    ["read-only", "fenced"],
    ["primary", "fenced"],
    ["standby", "standby"],
    ["prefer-standby", "standby"],
  ])("for %s is the %s", async (targetSession, expected) => {
    const { find, sessions } = network({ fenced: FENCED, standby: STANDBY, primary: PRIMARY }, { targetSession });
    expect((await find())[0]).toBe(expected);
    expect(sessions.filter(({ isOpen }) => isOpen)).toHaveLength(1);
  });

  test("has its share of the time, of which those before it have used less", async () => {
    const { find, shares, servers } = network({ one: refused("one"), two: refused("two"), three: PRIMARY });
    await find();
    expect(shares).toEqual([2_000, 3_000, 6_000]);
    Object.defineProperty(servers, "three", { get: () => vi.advanceTimersByTime(5_000) && refused("three") });
    servers["one"] = PRIMARY;
    shares.length = 0;
    await find();
    expect(shares).toEqual([2_000, 500]);
  });

  test("if none fits, the error says why, for each", async () => {
    const { find } = network(
      {
        one: refused("one"),
        two: STANDBY,
        three: codedError("57P03", "the database system is starting up"),
        four: codedError("ENOTFOUND", "getaddrinfo ENOTFOUND four"),
      },
      { targetSession: "read-write" },
    );
    await expect(find()).rejects.toMatchObject({
      code: "NO_SERVER",
      message:
        "No server was found for target_session_attrs=read-write. one:5432: No connection to one:5432: connect ECONNREFUSED. " +
        "two:5432: it accepts no writes. three:5432: The server is starting up, shutting down or recovering. Try again later. " +
        "four:5432: getaddrinfo ENOTFOUND four.",
    });
  });

  test("of one the error is its own, unless it does not fit", async () => {
    const error = refused("one");
    const { find, servers } = network({ one: error }, { targetSession: "primary" });
    await expect(find()).rejects.toBe(error);
    servers["one"] = STANDBY;
    await expect(find()).rejects.toThrow("target_session_attrs=primary. one:5432: it is a standby.");
  });

  test.each(["28P01", "28000", "3D000", "42501"])("that refuses the login with %s ends the search", async (code) => {
    const { find } = network({ one: codedError(code, "no"), two: PRIMARY });
    for (let time = 0; time < 2; time++) await expect(find()).rejects.toThrow(/^No server was found\. one:5432: /);
  });

  test.each(["57P03", "53300", "57P01", "08P01", "CONNECT_TIMEOUT", "LOGIN_CLOSED", "CERT_HAS_EXPIRED"])(
    "that fails with %s does not",
    async (code) => {
      const { find } = network({ one: codedError(code, "no"), two: PRIMARY });
      expect(await find()).toEqual(["two", "one", "two"]);
    },
  );

  test("is not looked for after an abort", async () => {
    const { search, open } = network({ one: refused("one"), two: PRIMARY });
    const abort = new AbortController();
    const found = search.find((candidate, share) => {
      abort.abort();
      return open(candidate, share);
    }, abort.signal);
    await expect(found).rejects.toThrow("ECONNREFUSED");
  });

  test.each<[TargetSession, number]>([
    ["any", 1],
    ["read-write", 1],
    ["primary", 1],
    ["standby", 1],
    ["prefer-standby", 1],
  ])("for %s that takes over is told %i times", async (targetSession, times) => {
    const [before, after] = targetSession.endsWith("standby") ? [STANDBY, STANDBY] : [PRIMARY, PRIMARY];
    const { find, servers, onMoved } = network({ one: before, two: refused("two") }, { targetSession });
    await find();
    await find();
    Object.assign(servers, { one: refused("one"), two: after });
    await find();
    await find();
    expect(onMoved).toHaveBeenCalledTimes(times);
  });

  test("that was found to accept no writes comes last for a while", async () => {
    const { find, search } = network({ one: PRIMARY, two: PRIMARY });
    await find();
    search.distrust();
    expect(await find()).toEqual(["two", "two"]);
  });
});

describe("prefer-standby", () => {
  test("takes the primary while there is no standby, and does not try one again that has just failed", async () => {
    const options = { targetSession: "prefer-standby" } as const;
    const { find, servers } = network({ one: refused("one"), two: PRIMARY }, options);
    expect(await find()).toEqual(["two", "one", "two", "two"]);
    expect(await find()).toEqual(["two", "two", "two"]);
    servers["one"] = STANDBY;
    vi.advanceTimersByTime(10_001);
    expect(await find()).toEqual(["one", "two", "one"]);
    expect(await find()).toEqual(["one", "one"]);
  });

  test("tries all of them, whether they have failed or not, before it gives up", async () => {
    const { find, servers } = network(
      { one: refused("one"), two: refused("two") },
      { targetSession: "prefer-standby" },
    );
    await expect(find()).rejects.toMatchObject({ code: "NO_SERVER" });
    servers["one"] = STANDBY;
    expect(await find()).toEqual(["one", "one"]);
  });
});

describe("load_balance_hosts=random", () => {
  test("finds each as often, and those that have just failed only if there is no other", async () => {
    const { find, servers } = network({ one: PRIMARY, two: PRIMARY, three: PRIMARY }, { balancesLoad: true });
    const counts = new Map<string, number>();
    for (let count = 0; count < 600; count++) {
      const [host = ""] = await find();
      counts.set(host, (counts.get(host) ?? 0) + 1);
    }
    for (const host of ["one", "two", "three"]) expect(counts.get(host)).toBeGreaterThan(120);
    servers["one"] = refused("one");
    let attempts = 0;
    for (let count = 0; count < 100; count++)
      attempts += (await find()).slice(1).filter((host) => host === "one").length;
    expect(attempts).toBe(1);
  });
});

describe("a name with several addresses", () => {
  const addresses = { db: ["10.0.0.1", "10.0.0.2"] };

  test("is looked up if it matters which of them it is", async () => {
    const servers = { "10.0.0.1": STANDBY, "10.0.0.2": PRIMARY, db: STANDBY };
    const any = network(servers, { addresses, hosts: ["db"] });
    expect(await any.find()).toEqual(["db", "db"]);
    const primary = network(servers, { addresses, hosts: ["db"], targetSession: "read-write" });
    expect(await primary.find()).toEqual(["10.0.0.2", "10.0.0.1", "10.0.0.2"]);
    expect(await primary.find()).toEqual(["10.0.0.2", "10.0.0.2"]);
  });

  test("that changes is looked up again, and the address from before is not used", async () => {
    const changing = { db: ["10.0.0.1"] };
    const { find } = network(
      { "10.0.0.1": PRIMARY, "10.0.0.2": PRIMARY },
      { addresses: changing, hosts: ["db"], targetSession: "read-write" },
    );
    expect(await find()).toEqual(["10.0.0.1", "10.0.0.1"]);
    changing.db = ["10.0.0.2"];
    expect(await find()).toEqual(["10.0.0.2", "10.0.0.2"]);
  });

  test("that leads to no server: the error names the addresses", async () => {
    const { find } = network({ "10.0.0.1": STANDBY }, { addresses, hosts: ["db"], targetSession: "primary" });
    await expect(find()).rejects.toThrow(
      /db:5432 \(10\.0\.0\.1\): it is a standby\. db:5432 \(10\.0\.0\.2\): No connection/,
    );
  });

  test("takes no more than its share of the time, if looking it up takes long", async () => {
    vi.useRealTimers();
    const location: SearchedLocation = {
      servers: [
        { host: "db", port: 1 },
        { host: "10.0.0.2", port: 2 },
      ],
      targetSession: "primary",
      balancesLoad: false,
    };
    const search = serverSearch(location, 100, vi.fn(), () => new Promise(() => {}));
    const open = async ({ host }: Candidate) => new Session(host, PRIMARY);
    expect(await search.find(open, new AbortController().signal)).toMatchObject({ host: "10.0.0.2" });
  });
});
