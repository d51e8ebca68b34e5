import type { ConversationCreateDto } from "../../contract/conversation.ts";
import { MINUTE } from "./duration.ts";
import type { Random } from "./random.ts";

/** The messages after the first. */
const TALK = [
  ["assistant", "How many days a week can you spare?"],
  ["user", "Three, four if work lets me."],
  ["assistant", "Then I plan three, and one that may be skipped. Is the morning or the evening better?"],
  ["user", "The morning, before eight."],
  ["assistant", "Done: the first week is in your calendar. Shall I remind you half an hour before?"],
  ["user", "Yes, please. And move what I miss to the weekend."],
] as const;

/** Makes a conversation about a goal. @param created when the goal was created, in milliseconds since 1970 */
export function demoConversation(
  goal: { readonly userId: string; readonly goalId: string; readonly title: string; readonly isReached: boolean },
  created: number,
  random: Random,
): ConversationCreateDto {
  const { userId, goalId, title, isReached } = goal;
  const talk = [["user", `I want to reach this: ${title}.`] as const, ...TALK.slice(0, random.between(1, TALK.length))];
  let said = created;
  const messages = talk.map(([role, content]) => {
    said += random.between(1, 5) * MINUTE;
    return { role, content, sent_at: new Date(said).toISOString() };
  });
  return { userId, goalId, messages, status: isReached ? "closed" : "open" };
}
