import type { CallOptions, Page, PageRequest, TaskDto } from "@flux/dao-core/contract";
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { type DaoClient, InvalidServiceKeyError } from "../client/index.ts";
import { linkTo, pageOf, type Route } from "./route.ts";

interface Access {
  readonly client: DaoClient;
  /** Called when the service does not accept the key. */
  readonly reject: (reason: string) => void;
}

export const AccessContext = createContext<Access | undefined>(undefined);

interface LoadedProps<Value> {
  readonly read: (client: DaoClient, options: CallOptions) => Promise<Value>;
  /** Names what is read: another name reads again. */
  readonly of: string;
  readonly children: (value: Value) => ComponentChildren;
}

interface Outcome<Value> {
  readonly of?: string;
  readonly value?: { readonly it: Value };
  readonly error?: string;
}

/** Shows what `read` resolves with; what was shown before stays until then, so that the focus is not lost. */
export function Loaded<Value>({ read, of, children }: LoadedProps<Value>) {
  const access = useContext(AccessContext);
  const [outcome, setOutcome] = useState<Outcome<Value>>({});
  const [attempt, setAttempt] = useState(0);
  const name = `${attempt} ${of}`;
  // The name stands for what is read.
  useEffect(() => {
    if (access === undefined) return;
    const controller = new AbortController();
    const { signal } = controller;
    read(access.client, { signal }).then(
      (it) => setOutcome({ of: name, value: { it } }),
      (error: unknown) => {
        if (signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        if (error instanceof InvalidServiceKeyError) access.reject(message);
        else setOutcome({ of: name, error: message });
      },
    );
    return () => controller.abort();
  }, [access, name]);
  if (outcome.error !== undefined && outcome.of === name) {
    return (
      <div role="alert" class="failure">
        <p>{outcome.error}</p>
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          Try again
        </button>
      </div>
    );
  }
  return (
    <div aria-busy={outcome.of !== name}>
      {outcome.value === undefined ? <p role="status">Loading …</p> : children(outcome.value.it)}
    </div>
  );
}

/** The heading of the page, and its title. */
export function Title({ children }: { readonly children: string }) {
  useEffect(() => {
    document.title = `${children} – Flux data`;
  }, [children]);
  return <h1>{children}</h1>;
}

interface PagerProps {
  readonly route: Route;
  readonly page: number;
  readonly size: number;
  readonly total: number;
  readonly what: string;
}

export function Pager({ route, page, size, total, what }: PagerProps) {
  const link = (to: number) => linkTo(route.segments, { ...Object.fromEntries(route.query), page: String(to) });
  const first = (page - 1) * size + 1;
  return (
    <nav class="pager" aria-label="Pages">
      {page > 1 && <a href={link(page - 1)}>Previous</a>}
      <span role="status">
        {first > total
          ? `No ${what}${total > 0 ? " on this page" : ""}`
          : `${what} ${first} to ${Math.min(total, page * size)} of ${total}`}
      </span>
      {page * size < total && <a href={link(page + 1)}>Next</a>}
    </nav>
  );
}

/** Some days in a row, and the tasks that begin in them. */
export interface DaysProps {
  readonly days: readonly Date[];
  readonly tasks: readonly TaskDto[];
}

/** What is shown of the row with this id, or of the user. */
export interface OfRowProps {
  readonly id: string;
  readonly route: Route;
}

interface ListProps<Item> {
  readonly route: Route;
  readonly name: string;
  /** What is shown of an item, by the column's name. The first names the row. */
  readonly columns: Readonly<Record<string, (item: Item) => ComponentChildren>>;
  /** Rows on a page. Default 25. */
  readonly size?: number;
  /** Names the filter: another one reads again. */
  readonly of?: string | undefined;
  readonly list: (client: DaoClient, page: PageRequest, options: CallOptions) => Promise<Page<Item>>;
}

/** A list as a table, page by page. */
export function List<Item extends { readonly id: string }>(props: ListProps<Item>) {
  const { route, name, columns, size = 25, of = "", list } = props;
  const page = pageOf(route);
  return (
    <Loaded of={`${of} ${page}`} read={(client, options) => list(client, { page, pageSize: size }, options)}>
      {({ items, total }) => (
        <>
          <Table name={name} columns={Object.keys(columns)}>
            {items.map((item) => (
              <tr key={item.id}>
                {Object.entries(columns).map(([column, cell], index) =>
                  index === 0 ? (
                    <th key={column} scope="row">
                      {cell(item)}
                    </th>
                  ) : (
                    <td key={column}>{cell(item)}</td>
                  ),
                )}
              </tr>
            ))}
          </Table>
          <Pager route={route} page={page} size={size} total={total ?? items.length} what={name.toLowerCase()} />
        </>
      )}
    </Loaded>
  );
}

/** A table that scrolls by itself if the screen is narrow. */
export function Table({ name, columns, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={name} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

interface TableProps {
  readonly name: string;
  readonly columns: readonly string[];
  readonly children: ComponentChildren;
}

export const STATES = ["completed", "scheduled", "drifted", "missed"] as const;

/** What the colours mean, and how many tasks there are of each. */
export function Legend({ tasks }: { readonly tasks: readonly TaskDto[] }) {
  return (
    <ul class="legend" aria-label="Tasks by state">
      {STATES.map((state) => (
        <li key={state} class={`task ${state}`}>
          {tasks.filter((task) => task.state === state).length} {state}
        </li>
      ))}
    </ul>
  );
}

interface TaskProps {
  readonly task: TaskDto;
  readonly when: string;
  readonly style?: Readonly<Record<string, string>>;
}

export function TaskItem({ task, when, style }: TaskProps) {
  const priority = task.priority.replaceAll("-", " ");
  return (
    <li class={`task ${task.state} ${task.priority}`} style={style} title={`${task.title} (${when})`}>
      <strong>{task.title}</strong>
      <span>{when}</span>
      <small>
        {task.state}, {priority}
      </small>
    </li>
  );
}

/** With thousands in one place a browser is busy for seconds. */
const MOST_TASKS = 200;

interface FirstProps<Item> {
  readonly of: readonly Item[];
  readonly children: (shown: readonly Item[]) => ComponentChildren;
}

/** Shows the first tasks of many, and says how many are left out. */
export function First<Item>({ of, children }: FirstProps<Item>) {
  const more = of.length - MOST_TASKS;
  return (
    <>
      {children(of.slice(0, MOST_TASKS))}
      {more > 0 && <p>and {more.toLocaleString()} more</p>}
    </>
  );
}

const format = (options: Intl.DateTimeFormatOptions) => {
  const { format } = new Intl.DateTimeFormat(undefined, options);
  return (date: Date) => format(date);
};

const timeText = format({ timeStyle: "short" });
export const dayText = format({ weekday: "short", day: "numeric", month: "short" });
export const instantText = format({ dateStyle: "medium", timeStyle: "short" });

export function spanText({ startTime, endTime }: TaskDto, text = timeText): string {
  if (startTime === null) return "no time";
  return endTime === null ? text(startTime) : `${text(startTime)} – ${timeText(endTime)}`;
}
