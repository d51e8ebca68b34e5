import { setTimeout as delay } from "node:timers/promises";
import { type Database, openDatabase } from "@flux/dao-core";
import { watchUncaught } from "../faults/observers.ts";
import { Tally } from "../faults/tally.ts";
import { type Cluster, connect, type Takeover } from "./cluster.ts";
import { Load } from "./load.ts";

/** Milliseconds that writes may be away for longer than the takeover takes. */
const ALLOWED = 2_000;

/** What the writers that reach a cluster in one way have gone through. All times in milliseconds. */
export class Experience {
  readonly way: string;
  readonly tally = new Tally();
  /** Of each failover: from the kill until another server accepted writes. */
  readonly takeovers: number[] = [];
  /** Of each: from then until the first, and until the last writer had a write acknowledged. */
  readonly firstBack: number[] = [];
  readonly lastBack: number[] = [];

  constructor(way: string) {
    this.way = way;
  }

  count({ killedAt, writableAt }: Takeover, [first, last]: readonly [number, number]): void {
    this.tally.faults++;
    this.takeovers.push(writableAt - killedAt);
    this.firstBack.push(first - writableAt);
    this.lastBack.push(last - writableAt);
    if (last - writableAt > ALLOWED) {
      this.tally.violate("not restored in time", `${this.way}: ${Math.round(last - writableAt)} ms after the takeover`);
    }
  }
}

/** Lets servers take over from each other, `turns` times, while writers write in each way to reach them. */
export async function failOver(cluster: Cluster, turns: number): Promise<readonly Experience[]> {
  const databases: Database[] = [];
  const experiences = Object.keys(cluster.urls).map((way) => new Experience(way));
  using _ = watchUncaught(() => experiences[0]?.tally ?? new Tally());
  const setUp = async (experience: Experience) => {
    const database = await openDatabase(cluster.urls[experience.way]);
    databases.push(database);
    await database.migrate();
    return { experience, load: await Load.start(database, experience.tally) };
  };
  try {
    const ways = await Promise.all(experiences.map(setUp));
    for (let turn = 0; turn < turns; turn++) {
      // The kill interrupts whatever the writers are doing by then.
      await delay(1_000);
      const takeover = await cluster.failOver();
      for (const { load, experience } of ways) experience.count(takeover, await load.backAfter(takeover.writableAt));
      await cluster.rejoin();
    }
    await Promise.all(ways.map(({ load }) => load.stop()));
    await Promise.all(databases.map((database) => database.checkReady()));
    const sql = connect(cluster.primaryUrl);
    for (const { load } of ways) await load.audit(sql);
    await sql.end();
    return experiences;
  } finally {
    await Promise.all(databases.map((database) => database.close(0)));
  }
}
