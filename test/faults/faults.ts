import { setTimeout as delay } from "node:timers/promises";
import { openDatabase, UnavailableError } from "@flux/dao-core";
import type { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import type { FaultyNetwork } from "../faulty-network.ts";
import { connect, type DatabaseName, type FaultyServer } from "./faulty-server.ts";
import { APPLICATION, CALL_DEADLINE, databaseOptions, PAUSE } from "./limits.ts";
import { withinDeadline } from "./observers.ts";
import type { Tally } from "./tally.ts";

/** What a fault can act on. */
export interface Scene {
  readonly server: FaultyServer;
  readonly network: FaultyNetwork;
  /** The database that the pool works on. */
  readonly database: DatabaseName;
  readonly random: Random;
  readonly tally: Tally;
}

export interface Fault {
  readonly name: string;
  /** Whether the pool connects through the network that can fail. */
  readonly needsNetwork: boolean;
  /** Injects the fault and repairs it; resolves when it is repaired. */
  strike(scene: Scene): Promise<void>;
}

/** Terminates one backend, or now and then all of them; busy ones before idle ones. */
const backendTerminated: Fault = {
  name: "backend terminated",
  needsNetwork: false,
  async strike({ server, database, random }) {
    await terminateBackends(server, database, random.chance(0.2) ? 1_000 : 1);
  },
};

async function terminateBackends(server: FaultyServer, database: DatabaseName, count: number): Promise<void> {
  await server.admin`
    select pg_terminate_backend(pid, 2000) from (
      select pid from pg_stat_activity where application_name = ${APPLICATION} and datname = ${database}
      order by state = 'idle', random() limit ${count}) victims`;
}

const serverKilled: Fault = {
  name: "server killed",
  needsNetwork: false,
  async strike({ server }) {
    await server.kill();
    await server.restart();
  },
};

const serverPaused: Fault = {
  name: "server paused",
  needsNetwork: false,
  async strike({ server }) {
    await server.pause();
    await delay(PAUSE);
    await server.resume();
  },
};

const responseCut: Fault = {
  name: "response cut",
  needsNetwork: true,
  async strike({ network, random }) {
    await network.cut({ after: random.below(30), share: random.fraction(), reset: random.chance(0.5) });
  },
};

/** No server listens: neither the open pool nor a new one gets a connection. */
const serverAbsent: Fault = {
  name: "server absent",
  needsNetwork: true,
  async strike({ network, database, random, tally }) {
    await network.leave();
    const url = new URL(network.url);
    url.pathname = `/${database}`;
    await withinDeadline(
      () => openDatabase(url.href, databaseOptions),
      CALL_DEADLINE,
      tally,
      "opening a database",
    ).then(
      (opened) => {
        tally.violate("foreign error", "a database was opened where no server listens");
        return opened.close(0);
      },
      (error: unknown) => {
        if (!(error instanceof UnavailableError)) tally.violate("foreign error", `opening: ${String(error)}`);
      },
    );
    await delay(random.below(300));
    await network.comeBack();
  },
};

/** Columns have other types than when statements on them were prepared. */
const tableAltered: Fault = {
  name: "table altered",
  needsNetwork: false,
  async strike({ server, database, random }) {
    const sql = connect(server.urlOf(database));
    const type = `varchar(${600 + random.below(100)})`;
    for (const column of ["goals.category", "goals.timeline", "milestones.status", "tasks.calendar_event_id"]) {
      const [table, name] = column.split(".");
      // As applications run DDL; statements that wait for a lock are aborted by the pool's own lock time-out.
      await sql.unsafe(`do $$ begin if to_regclass('public.${table}') is not null then
        alter table public.${table} alter column ${name} type ${type}; end if; end $$`);
    }
    await sql.end();
  },
};

/** As in a failover: the sessions end, and new ones reach a server that is read-only for a while. */
const serverReadOnly: Fault = {
  name: "server read-only",
  needsNetwork: false,
  async strike({ server, database, random }) {
    await server.admin.unsafe(`alter database ${database} set default_transaction_read_only = on`);
    await terminateBackends(server, database, 1_000);
    await delay(random.below(500));
    await server.admin.unsafe(`alter database ${database} reset default_transaction_read_only`);
  },
};

export const faults = {
  backendTerminated,
  serverKilled,
  serverPaused,
  responseCut,
  serverAbsent,
  tableAltered,
  serverReadOnly,
};
