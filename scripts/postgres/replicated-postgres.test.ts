import postgres from "postgres";
import { expect, test } from "vitest";
import { startReplicatedPostgres } from "./replicated-postgres.ts";

test("what is written to the primary appears on the standby, which refuses writes", { timeout: 60_000 }, async () => {
  await using pair = await startReplicatedPostgres();
  const [primary, standby] = [pair.primary, pair.standby].map(({ url }) =>
    postgres(url, { max: 1, onnotice: () => {} }),
  );
  if (primary === undefined || standby === undefined) throw new Error("There are two servers.");
  await primary`create table notes (id int)`;
  await expect.poll(() => standby`select id from notes`.then(({ length }) => length)).toBe(0);
  await expect(standby`insert into notes values (1)`).rejects.toMatchObject({ code: "25006" });
  await Promise.all([primary.end(), standby.end()]);
});
