import { createDaoServices, DaoUnitOfWork, type Database, type TaskCreateDto, type UserDto } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import type postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CitusTenant, citusUrl, openCitusTenant } from "./citus.ts";
import { connect } from "./scratch-database.ts";

const failed = async (database: Database) => (await database.diagnose()).filter(({ ok }) => !ok);

/** A user with a goal and this many tasks. */
async function createPlan(database: Database, taskCount: number): Promise<UserDto> {
  const { users, goals, tasks } = createDaoServices(database);
  const user = await users.createUser(makeUserData());
  const goal = await goals.createGoal({ userId: user.id, title: "Learn Spanish" });
  const task = (index: number): TaskCreateDto => ({ userId: user.id, goalId: goal.id, title: `Lesson ${index}` });
  await tasks.createTasks(Array.from({ length: taskCount }, (_, index) => task(index)));
  return user;
}

describe.skipIf(citusUrl === undefined)("tenants on Citus (set TEST_CITUS_URL to run these)", () => {
  let tenant: CitusTenant;
  let admin: postgres.Sql;
  beforeAll(async () => {
    tenant = await openCitusTenant(citusUrl ?? "", { poolSize: 4 });
    admin = connect(citusUrl ?? "");
  });
  afterAll(async () => {
    await admin?.end();
    await tenant?.drop();
  });

  const nodeOf = async () => {
    const [place] = await admin<{ nodename: string; nodeport: number }[]>`
      select nodename, nodeport from citus_shards where table_name = ${`${tenant.schema}.users`}::regclass`;
    return place ?? expect.fail("The schema is on no node.");
  };

  test("are migrated, compared and repaired as on one server", async () => {
    const { database, schema } = tenant;
    expect(await database.migrate()).toMatchObject({ applied: [], repaired: [] });
    await database.checkReady();
    expect(await failed(database)).toEqual([]);
    for (const change of [
      "goals drop constraint goals_user_id_fkey",
      "tasks drop constraint tasks_title_length",
      "tasks alter state drop default",
      "users drop constraint users_email_key",
      "demo_flags drop constraint demo_flags_pkey",
    ]) {
      await admin.unsafe(`alter table ${schema}.${change}`);
    }
    await admin.unsafe(`drop index ${schema}.tasks_goal_id_idx`);
    expect(await failed(database)).toHaveLength(1);
    expect((await database.migrate()).repaired).toHaveLength(6);
    expect(await failed(database)).toEqual([]);
  });

  test("keep rows that violate a repaired rule, and report them", async () => {
    const { database, schema } = tenant;
    await admin.unsafe(`alter table ${schema}.users drop constraint users_name_length`);
    await admin.unsafe(`insert into ${schema}.users (name, email) values ('', 'nameless@example.com')`);
    const { violations } = await database.migrate();
    expect(violations).toMatchObject([{ constraint: "users_name_length", rows: 1 }]);
    await admin.unsafe(`delete from ${schema}.users where name = ''`);
    for (const { validation } of violations) await admin.unsafe(validation);
    expect(await failed(database)).toEqual([]);
  });

  test("see their own rows only, on connections that they share", async () => {
    const { database, schema } = tenant;
    const schemas = [1, 2, 3].map((number) => `${schema}_${number}`);
    try {
      expect(await database.migrate({ schemas })).toMatchObject({ failed: [] });
      const services = schemas.map((name) => createDaoServices(database.withSchema(name)));
      const email = "same@example.com";
      const made = await Promise.all(services.map(({ users }) => users.createUser(makeUserData({ email }))));
      for (const [index, { users }] of services.entries()) {
        expect((await users.listUsers()).items).toEqual([made[index]]);
        await expect(users.createUser(makeUserData({ email }))).rejects.toMatchObject({ code: "conflict" });
      }
      const nodes = await admin`
        select distinct nodename, nodeport from citus_shards
        where table_name::text = any(${schemas.map((name) => `${name}.users`)})`;
      expect(nodes.length).toBeGreaterThan(1);
    } finally {
      for (const name of schemas) await admin.unsafe(`drop schema if exists ${name} cascade`);
    }
  });

  test("import, count, stream and delete thousands of tasks", async () => {
    const { tasks, users } = createDaoServices(tenant.database);
    const { id: userId } = await createPlan(tenant.database, 3_000);
    await admin.unsafe(`analyze ${tenant.schema}.tasks`);
    const { total } = await tasks.listTasks({ userId, count: "estimated" });
    expect(total).toBeGreaterThan(2_500);
    let streamed = 0;
    for await (const task of tasks.streamTasks({ userId })) if (task.userId === userId) streamed++;
    expect(streamed).toBe(3_000);
    await users.deleteUser(userId);
    expect((await tasks.listTasks({ userId })).total).toBe(0);
  });

  test("move to another node while they are used, and no call fails", async () => {
    const { database, schema } = tenant;
    const { users } = createDaoServices(database);
    const { nodename, nodeport } = await nodeOf();
    const [target] = await admin`
      select nodename, nodeport from pg_dist_node
      where noderole = 'primary' and shouldhaveshards and (nodename, nodeport) <> (${nodename}, ${nodeport})`;
    const before = (await users.listUsers()).total ?? 0;
    let hasMoved = false;
    const callers = [0, 1, 2, 3].map(async (caller) => {
      let created = 0;
      for (; !hasMoved || created < 20; created++) {
        if (caller % 2 === 0) await users.createUser(makeUserData());
        else await DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()));
      }
      return created;
    });
    const move = admin`
      select citus_schema_move(${schema}::regnamespace, ${target?.["nodename"]}, ${target?.["nodeport"]}, 'force_logical')`;
    const over = move.finally(() => {
      hasMoved = true;
    });
    const [counts] = await Promise.all([Promise.all(callers), over]);
    const created = counts.reduce((sum, count) => sum + count);
    expect(await nodeOf()).toEqual(target);
    expect((await users.listUsers()).total).toBe(before + created);
  });

  test("keep their connections when the coordinator loses its own to a node", async () => {
    const { database, schema } = tenant;
    const { nodename, nodeport } = await nodeOf();
    const url = new URL(citusUrl ?? "");
    url.hostname = nodename;
    url.port = String(nodeport);
    const node = connect(url.href);
    const kill = () => node`
      select count(pg_terminate_backend(pid)) from pg_stat_activity
      where application_name like 'citus_internal%' and query like ${`%${schema}.%`}`;
    const coordinators = async () =>
      (await admin`select pid from pg_stat_activity where application_name = ${schema} order by pid`).map(
        ({ pid }) => pid,
      );
    try {
      const connections = await coordinators();
      for (let round = 0; round < 5; round++) {
        const email = `${round}@${schema}.example`;
        const cut = DaoUnitOfWork.run(database, async (uow) => {
          await uow.users.create(makeUserData({ email }));
          await kill();
          await uow.users.list({ email });
        });
        await expect(cut).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("node") });
        expect((await database.users.list({ email })).total).toBe(0);
      }
      expect(await coordinators()).toEqual(connections);
    } finally {
      await node.end();
    }
  });
});
