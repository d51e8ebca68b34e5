import type { GoalWithRelationsDto, TaskDto } from "@flux/dao-core/contract";
import {
  First,
  instantText,
  Legend,
  List,
  Loaded,
  type OfRowProps,
  Pager,
  spanText,
  TaskItem,
  Title,
} from "./parts.tsx";
import { linkTo, pageOf } from "./route.ts";

/** A quarter of a year. */
const WEEKS = 13;

export function Goals({ id: userId, route }: OfRowProps) {
  return (
    <List
      route={route}
      name="Goals"
      list={({ goals }, page, options) => goals.listGoals({ userId, ...page }, options)}
      columns={{
        Goal: ({ id, title }) => <a href={linkTo(["goals", id])}>{title}</a>,
        Status: ({ status }) => status,
        Category: ({ category }) => category,
        Timeline: ({ timeline }) => timeline,
        Created: ({ createdAt }) => instantText(createdAt),
      }}
    />
  );
}

/** A goal as its weeks, and in each its milestones with their tasks. */
export function Goal({ id, route }: OfRowProps) {
  return (
    <Loaded of={id} read={({ goals }, options) => goals.getGoalFull(id, options)}>
      {(goal) => {
        const weeks = weeksOf(goal);
        const page = pageOf(route);
        return (
          <>
            <p>
              <a href={linkTo(["users", goal.userId])}>To the user</a>
            </p>
            <Title>{goal.title}</Title>
            <p>{[goal.status, goal.category, goal.timeline].filter(Boolean).join(" · ")}</p>
            <Legend tasks={goal.tasks} />
            {weeks.slice((page - 1) * WEEKS, page * WEEKS).map(({ name, parts }) => (
              <section key={name} class="week">
                <h2>{name}</h2>
                {parts.map(({ id, title, tasks }) => (
                  <section key={id}>
                    <h3>{title}</h3>
                    <First of={tasks}>
                      {(shown) => (
                        <ul class="grid">
                          {shown.map((task) => (
                            <TaskItem key={task.id} task={task} when={spanText(task, instantText)} />
                          ))}
                        </ul>
                      )}
                    </First>
                  </section>
                ))}
              </section>
            ))}
            <Pager route={route} page={page} size={WEEKS} total={weeks.length} what="weeks" />
          </>
        );
      }}
    </Loaded>
  );
}

interface Week {
  readonly name: string;
  readonly parts: readonly { readonly id: string; readonly title: string; readonly tasks: readonly TaskDto[] }[];
}

function weeksOf({ milestones, tasks }: GoalWithRelationsDto): Week[] {
  const byMilestone = Map.groupBy(tasks, ({ milestoneId }) => milestoneId);
  const weeks = Map.groupBy(milestones, ({ weekNumber }) => weekNumber);
  const found = [...weeks].map(([number, ofWeek]) => ({
    name: `Week ${number}`,
    parts: ofWeek.map(({ id, title, status }) => ({
      id,
      title: `${title} (${status})`,
      tasks: byMilestone.get(id) ?? [],
    })),
  }));
  // The milestone may be of another goal.
  const known = new Set(milestones.map(({ id }) => id));
  const others = tasks.filter(({ milestoneId }) => milestoneId === null || !known.has(milestoneId));
  return others.length === 0
    ? found
    : [...found, { name: "Any week", parts: [{ id: "", title: "No milestone", tasks: others }] }];
}
