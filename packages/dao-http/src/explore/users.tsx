import { Day, Week } from "./calendar.tsx";
import { Charts } from "./charts.tsx";
import { Conversations } from "./conversations.tsx";
import { Goals } from "./goals.tsx";
import { instantText, List, Loaded, type OfRowProps, Title } from "./parts.tsx";
import { enteredIn, linkTo, type Route } from "./route.ts";

export function Users({ route }: { readonly route: Route }) {
  const email = route.query.get("email") ?? undefined;
  const onSubmit = (event: SubmitEvent) => {
    location.hash = linkTo([], { email: enteredIn(event, "email") });
  };
  return (
    <>
      <Title>Users</Title>
      <form onSubmit={onSubmit}>
        <label for="email">E-mail address</label>
        <input id="email" name="email" type="search" value={email} placeholder="the whole address; empty: all users" />
        <button type="submit">Find</button>
      </form>
      <List
        route={route}
        name="Users"
        of={email}
        list={({ users }, page, options) => users.listUsers({ email, ...page }, options)}
        columns={{
          Name: ({ id, name }) => <a href={linkTo(["users", id])}>{name}</a>,
          "E-mail": ({ email }) => email,
          Demo: ({ demoMode }) => (demoMode ? "yes" : "no"),
          Created: ({ createdAt }) => instantText(createdAt),
        }}
      />
    </>
  );
}

const views = [
  ["goals", "Goals", Goals],
  ["day", "Day", Day],
  ["week", "Week", Week],
  ["charts", "30 days", Charts],
  ["conversations", "Conversations", Conversations],
] as const;

export function User({ id, route }: OfRowProps) {
  const view = route.segments[2] ?? "goals";
  return (
    <>
      <Loaded of={id} read={({ users }, options) => users.getUser(id, options)}>
        {({ name, email }) => (
          <>
            <Title>{name}</Title>
            <p>{email}</p>
          </>
        )}
      </Loaded>
      <nav class="views" aria-label="Views of the user">
        {views.map(([name, label]) => (
          <a key={name} href={linkTo(["users", id, name])} aria-current={name === view ? "page" : undefined}>
            {label}
          </a>
        ))}
      </nav>
      {views.map(([name, _, View]) => name === view && <View key={name} id={id} route={route} />)}
    </>
  );
}
