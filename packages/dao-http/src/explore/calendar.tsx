import type { TaskDto } from "@flux/dao-core/contract";
import { type DaysProps, dayText, First, Legend, Loaded, type OfRowProps, spanText, TaskItem } from "./parts.tsx";
import { addDays, dayName, dayOf, daysFrom, enteredIn, linkTo, type Route } from "./route.ts";

export const Day = (props: OfRowProps) => <Calendar {...props} days={1} />;
export const Week = (props: OfRowProps) => <Calendar {...props} days={7} />;

/** A user's tasks by time. */
function Calendar({ id: userId, route, days: count }: OfRowProps & { readonly days: 1 | 7 }) {
  const chosen = dayOf(route.query.get("date"));
  // A week begins with Monday.
  const first = count === 1 ? chosen : addDays(chosen, -((chosen.getDay() + 6) % 7));
  const { days, start, end } = daysFrom(first, count);
  return (
    <>
      <DayPicker route={route} day={first} step={count} />
      <Loaded
        of={dayName(first)}
        read={({ tasks }, options) => tasks.getTasksByTimerange({ userId, startTime: start, endTime: end }, options)}
      >
        {(tasks) => <Days days={days} tasks={tasks} />}
      </Loaded>
    </>
  );
}

interface DayPickerProps {
  readonly route: Route;
  readonly day: Date;
  readonly step: number;
}

export function DayPicker({ route, day, step }: DayPickerProps) {
  const link = (date: string) => linkTo(route.segments, { date });
  const onSubmit = (event: SubmitEvent) => {
    location.hash = link(enteredIn(event, "date"));
  };
  return (
    <form class="days" onSubmit={onSubmit}>
      <a href={link(dayName(addDays(day, -step)))}>Earlier</a>
      <label for="date">From</label>
      <input id="date" name="date" type="date" value={dayName(day)} required />
      <button type="submit">Show</button>
      <a href={link(dayName(addDays(day, step)))}>Later</a>
    </form>
  );
}

const MINUTES_OF_DAY = 24 * 60;
/** Shown of a task without an end; also the least height at which a task can be read. */
const SHORTEST = 45;

function Days({ days, tasks }: DaysProps) {
  const all = tasks.flatMap(place);
  const placed = Map.groupBy(all, ({ day }) => day);
  const { from, until } = hoursOf(all);
  const hours = Array.from({ length: until - from }, (_, index) => from + index);
  const percent = (minutes: number) => `${((minutes / 60 - from) / (until - from)) * 100}%`;
  return (
    <>
      <Legend tasks={tasks} />
      <div class={`calendar of-${days.length}`}>
        <ol class="hours" aria-hidden="true">
          {hours.map((hour) => (
            <li key={hour}>{hour}:00</li>
          ))}
        </ol>
        {days.map((day) => {
          const own = placed.get(dayName(day)) ?? [];
          return (
            <section key={dayName(day)}>
              <h2>{dayText(day)}</h2>
              <First of={own}>
                {(shown) => {
                  const inOrder = inLanes(shown);
                  const lanes = Math.max(1, ...inOrder.map(({ lane }) => lane + 1));
                  return (
                    <ol style={{ "--hours": String(hours.length) }}>
                      {inOrder.map(({ task, top, bottom, lane }) => (
                        <TaskItem
                          key={task.id}
                          task={task}
                          when={spanText(task)}
                          style={{
                            "--top": percent(top),
                            "--bottom": percent(bottom),
                            "--left": `${(lane / lanes) * 100}%`,
                            "--width": `${100 / lanes}%`,
                          }}
                        />
                      ))}
                    </ol>
                  );
                }}
              </First>
              {own.length === 0 && <p class="none">No tasks</p>}
            </section>
          );
        })}
      </div>
    </>
  );
}

/** The hours that are shown: those of all tasks, and from 8 to 18. A spread has no room for a hundred thousand tasks. */
export function hoursOf(placed: readonly Pick<Placed, "top" | "bottom">[]) {
  const from = placed.reduce((least, { top }) => Math.min(least, top), 8 * 60);
  const until = placed.reduce((most, { bottom }) => Math.max(most, bottom), 18 * 60);
  return { from: Math.floor(from / 60), until: Math.ceil(until / 60) };
}

interface Placed {
  readonly task: TaskDto;
  readonly day: string;
  /** Minutes of its day. */
  readonly top: number;
  readonly bottom: number;
}

function place(task: TaskDto): Placed[] {
  const { startTime, endTime } = task;
  if (startTime === null) return [];
  const top = Math.min(startTime.getHours() * 60 + startTime.getMinutes(), MINUTES_OF_DAY - SHORTEST);
  const minutes = endTime === null ? 0 : (endTime.getTime() - startTime.getTime()) / 60_000;
  const bottom = Math.min(MINUTES_OF_DAY, top + Math.max(minutes, SHORTEST));
  return [{ task, day: dayName(startTime), top, bottom }];
}

/** Puts tasks that overlap beside each other: each into the first lane that is free. They are in the order of their times. */
function inLanes(tasks: readonly Placed[]): (Placed & { readonly lane: number })[] {
  const ends: number[] = [];
  return tasks.map((task) => {
    const free = ends.findIndex((end) => end <= task.top);
    const lane = free === -1 ? ends.length : free;
    ends[lane] = task.bottom;
    return { ...task, lane };
  });
}
