import { once } from "node:events";
import { type IncomingMessage, request as sendRequest } from "node:http";
import postgres from "postgres";
import type { BenchDatabase } from "../data/bench-database.ts";
import { median } from "../median.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { SERVICE_KEY, startService } from "./service.ts";

const FEW = 100;
const MANY = 10_000;
const ROUNDS = 20;
/** Long answers at a time, when memory is measured. */
const TOGETHER = 16;

/** A goal with all its tasks: what a long answer costs. */
export interface LongAnswers {
  /** Milliseconds until the first byte of the body has arrived, medians. */
  readonly firstByteMs: { readonly few: number; readonly many: number };
  /** Median of the rounds. */
  readonly ratio: number;
  /** Megabytes of {@link TOGETHER} long answers, and by how many the service grows for them. */
  readonly bodiesMb: number;
  readonly growthMb: number;
}

export async function measureLongAnswers({ url, inputs, tidy }: BenchDatabase): Promise<LongAnswers> {
  const sql = postgres(url, { max: 1 });
  const goalOf = async (tasks: number) => {
    const [goal] = await sql<{ id: string }[]>`
      with goal as (insert into goals (user_id, title) values (${inputs.scratch.userId}, 'Long') returning id, user_id),
        task as (insert into tasks (user_id, goal_id, title, start_time)
          select user_id, goal.id, 'Run ' || number || ' km', now() from goal, generate_series(1, ${tasks}::int) as number)
      select id from goal`;
    if (goal === undefined) throw new Error("The goal was not created.");
    return goal.id;
  };
  const service = await startService({ DATABASE_URL: url });
  try {
    const [few, many] = [await goalOf(FEW), await goalOf(MANY)];
    await sql`vacuum analyze tasks`;
    const times = { few: [] as number[], many: [] as number[] };
    for (let round = -ROUNDS; round < ROUNDS; round++) {
      const [of100, of10000] = [await receive(service.port, few), await receive(service.port, many)];
      // The first rounds warm up.
      if (round < 0) continue;
      times.few.push(of100.firstByteMs);
      times.many.push(of10000.firstByteMs);
    }
    const before = residentMemoryOf(service.pid).most;
    const bodies = await Promise.all(Array.from({ length: TOGETHER }, () => receive(service.port, many)));
    return {
      firstByteMs: { few: median(times.few), many: median(times.many) },
      ratio: median(times.many.map((time, round) => time / (times.few[round] ?? Number.NaN))),
      bodiesMb: bodies.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
      growthMb: residentMemoryOf(service.pid).most - before,
    };
  } finally {
    await service.stop();
    await sql`delete from goals where title = 'Long' and user_id = ${inputs.scratch.userId}`;
    await sql.end();
    await tidy();
  }
}

async function receive(port: number, goalId: string): Promise<{ firstByteMs: number; bytes: number }> {
  const begun = performance.now();
  const path = `/api/v1/goals/${goalId}/full`;
  const request = sendRequest({ host: "127.0.0.1", port, path, headers: { "x-flux-service-key": SERVICE_KEY } });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${path} returned ${response.statusCode}.`);
  let firstByteMs: number | undefined;
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    firstByteMs ??= performance.now() - begun;
    bytes += chunk.length;
  }
  return { firstByteMs: firstByteMs ?? Number.NaN, bytes };
}
