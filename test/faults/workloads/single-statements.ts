import { createDaoServices } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import { LastWrites } from "../last-writes.ts";
import { CALL_DEADLINE } from "../limits.ts";
import { MarkedWrites } from "../marked-writes.ts";
import type { Operation, Workload } from "../workload.ts";

/** Creates users, updates one of the worker's own, and reads. */
export const singleStatements: Workload = {
  name: "single statements",
  database: "migrated",
  deadline: CALL_DEADLINE,
  busyFor: 40,
  async begin({ database, workers, random }) {
    const { users } = createDaoServices(database);
    const own = await Promise.all(Array.from({ length: workers }, () => users.createUser(makeUserData({ name: "0" }))));
    const created = new MarkedWrites();
    const names = new LastWrites(own.map(({ id, name }) => [id, name]));
    let changes = 0;

    const create = (): Operation => {
      const mark = created.newMark();
      return {
        unit: "statement",
        run: () => users.createUser(makeUserData({ name: mark })),
        settled: (outcome) => created.settled(mark, outcome),
      };
    };
    const rename = (id: string): Operation => {
      const name = String(++changes);
      return {
        unit: "statement",
        run: () => users.updateUser(id, { name }),
        settled: (outcome) => names.settled(id, name, outcome),
      };
    };
    const read: Operation = {
      unit: "statement",
      run: () => users.listUsers({ pageSize: 5 }),
      settled: () => undefined,
    };

    return {
      next(worker) {
        const choice = random.below(5);
        const id = own[worker]?.id;
        if (choice < 2 || id === undefined) return create();
        return choice < 4 ? rename(id) : read;
      },
      async audit(sql, tally) {
        const marked = await sql<{ mark: string; times: number }[]>`
          select name as mark, count(*)::int as times from users where starts_with(name, ${created.prefix}) group by name`;
        created.compare(
          marked.map((row) => ({ ...row, isWhole: true })),
          tally,
        );
        const ids = own.map(({ id }) => id);
        const rows = await sql<{ id: string; name: string }[]>`select id, name from users where id = any(${ids})`;
        names.compare(new Map(rows.map(({ id, name }) => [id, name])), tally);
      },
    };
  },
};
