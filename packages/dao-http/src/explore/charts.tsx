import type { TaskStatisticsDto } from "@flux/dao-core/contract";
import { DayPicker } from "./calendar.tsx";
import { type DaysProps, dayText, Legend, Loaded, type OfRowProps, STATES, Table } from "./parts.tsx";
import { addDays, dayName, dayOf, daysFrom } from "./route.ts";

const DAYS = 30;

/** 30 days of a user: by state from the statistics, by day from the tasks. Without a date they end with today. */
export function Charts({ id: userId, route }: OfRowProps) {
  const date = route.query.get("date");
  const first = date === null ? addDays(dayOf(null), 1 - DAYS) : dayOf(date);
  const { days, start, end } = daysFrom(first, DAYS);
  return (
    <>
      <DayPicker route={route} day={first} step={DAYS} />
      <Loaded
        of={dayName(first)}
        read={({ tasks }, options) =>
          Promise.all([
            tasks.getTaskStatistics({ userId, startDate: start, endDate: end }, options),
            tasks.getTasksByTimerange({ userId, startTime: start, endTime: end }, options),
          ])
        }
      >
        {([statistics, tasks]) => (
          <>
            <ByState {...statistics} />
            <ByDay days={days} tasks={tasks} />
          </>
        )}
      </Loaded>
    </>
  );
}

function ByState({ totalTasks, byState, completionRate }: TaskStatisticsDto) {
  return (
    <section>
      <h2>Created in these 30 days, by state</h2>
      <p>
        {totalTasks} tasks, {Math.round(completionRate * 100)} % completed
      </p>
      <dl class="bars">
        {STATES.map((state) => (
          <div key={state}>
            <dt>{state}</dt>
            <dd>
              <span class={`bar ${state}`} style={{ width: `${(byState[state] / Math.max(1, totalTasks)) * 80}%` }} />
              {byState[state]}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The chart's units: a day is 20 wide, the fullest day 150 high. */
const WIDTH = 20;
const HEIGHT = 150;

function ByDay({ days, tasks }: DaysProps) {
  const byDay = Map.groupBy(tasks, ({ startTime }) => (startTime === null ? "" : dayName(startTime)));
  const counts = days.map((day) => {
    const own = byDay.get(dayName(day)) ?? [];
    return { day, total: own.length, of: STATES.map((state) => own.filter((task) => task.state === state).length) };
  });
  const most = Math.max(1, ...counts.map(({ total }) => total));
  const summary = `${tasks.length} tasks begin in these days, at most ${most} on one of them. The table below has the figures.`;
  return (
    <section>
      <h2>Begin in these 30 days, by day</h2>
      <Legend tasks={tasks} />
      <p>The highest column is {most}.</p>
      <svg class="columns" role="img" aria-label={summary} viewBox={`0 0 ${DAYS * WIDTH} ${HEIGHT + 20}`}>
        {counts.map(({ day, total, of }, index) => (
          <g key={dayName(day)}>
            <title>{`${dayText(day)}: ${total}`}</title>
            {of.map((count, state) => {
              const below = of.slice(0, state).reduce((sum, one) => sum + one, 0);
              const height = (count / most) * HEIGHT;
              const y = HEIGHT - (below / most) * HEIGHT - height;
              return (
                <rect
                  key={STATES[state]}
                  class={STATES[state]}
                  x={index * WIDTH + 2}
                  y={y}
                  width={WIDTH - 4}
                  height={height}
                />
              );
            })}
            {index % 7 === 0 && index < DAYS - 2 && (
              <text x={index * WIDTH + 2} y={HEIGHT + 15}>
                {dayText(day)}
              </text>
            )}
          </g>
        ))}
      </svg>
      <details>
        <summary>As a table</summary>
        <Table name="Tasks by day" columns={["Day", ...STATES, "all"]}>
          {counts.map(({ day, total, of }) => (
            <tr key={dayName(day)}>
              <th scope="row">{dayText(day)}</th>
              {of.map((count, state) => (
                <td key={STATES[state]}>{count}</td>
              ))}
              <td>{total}</td>
            </tr>
          ))}
        </Table>
      </details>
    </section>
  );
}
