import { instantText, List, Loaded, type OfRowProps, Pager, Title } from "./parts.tsx";
import { linkTo, pageOf } from "./route.ts";

/** Each comes with its messages. */
const PAGE_SIZE = 10;
const MESSAGES = 50;

export function Conversations({ id: userId, route }: OfRowProps) {
  return (
    <List
      route={route}
      name="Conversations"
      size={PAGE_SIZE}
      list={({ conversations }, page, options) => conversations.listConversations({ userId, ...page }, options)}
      columns={{
        Created: ({ id, createdAt }) => <a href={linkTo(["conversations", id])}>{instantText(createdAt)}</a>,
        Messages: ({ messages }) => messages.length,
        Status: ({ status }) => status,
        "Begins with": ({ messages }) => (messages.length === 0 ? "" : messageOf(messages[0]).text.slice(0, 100)),
      }}
    />
  );
}

export function Conversation({ id, route }: OfRowProps) {
  const page = pageOf(route);
  return (
    <Loaded of={id} read={({ conversations }, options) => conversations.getConversation(id, options)}>
      {({ userId, goalId, messages, status, createdAt }) => (
        <>
          <p>
            <a href={linkTo(["users", userId, "conversations"])}>To the user</a>{" "}
            {goalId !== null && <a href={linkTo(["goals", goalId])}>To the goal</a>}
          </p>
          <Title>{`Conversation of ${instantText(createdAt)}`}</Title>
          <p>{status}</p>
          <ol class="messages" start={(page - 1) * MESSAGES + 1}>
            {messages.slice((page - 1) * MESSAGES, page * MESSAGES).map((message, index) => {
              const { from, text, rest } = messageOf(message);
              return (
                <li key={index} class={from === "user" ? "user" : ""}>
                  <strong>{from}</strong>
                  <p>{text}</p>
                  {rest !== "" && <small>{rest}</small>}
                </li>
              );
            })}
          </ol>
          <Pager route={route} page={page} size={MESSAGES} total={messages.length} what="messages" />
        </>
      )}
    </Loaded>
  );
}

/** A message's parts. It may be any JSON: what the agents do not write is shown as it is. */
function messageOf(message: unknown): { readonly from: string; readonly text: string; readonly rest: string } {
  if (typeof message === "string") return { from: "", text: message, rest: "" };
  const { role, content, ...rest } = Object(message);
  if (typeof role !== "string" || typeof content !== "string") {
    return { from: "", text: JSON.stringify(message, null, 2), rest: "" };
  }
  const others = Object.entries(rest).map(
    ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return { from: role, text: content, rest: others.join(" · ") };
}
