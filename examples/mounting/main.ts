import { openDatabase } from "@flux/dao-core";
import { createDaoClient } from "@flux/dao-http/client";
import { hosts } from "./hosts.ts";

const keys = [{ name: "goal-planner", key: "goal-planner-key-abc" }];

await using db = await openDatabase(process.env["DATABASE_URL"] ?? "memory://");
await db.migrate();

for (const [name, start] of Object.entries(hosts)) {
  const host = await start({ services: db, keys }, 0);
  const { users } = createDaoClient({ baseUrl: `${host.url}/data`, serviceKey: "goal-planner-key-abc" });
  const user = await users.createUser({ name, email: `${name}.${crypto.randomUUID()}@example.com` });
  console.log(`${name}: ${host.url}/data/api/v1/users/${user.id}`);
  await host.stop();
}
