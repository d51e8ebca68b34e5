/** The commands that a child process answers, each with what it takes and answers. All of it must be plain data. */
export type CommandTable = Record<string, { request: unknown; response: unknown }>;

/** How a child answers its commands. */
export type CommandHandlers<Table extends CommandTable> = {
  readonly [Name in keyof Table]: (request: Table[Name]["request"]) => Promise<Table[Name]["response"]>;
};

/** A command on its way to a child. */
export interface CommandMessage {
  readonly id: number;
  readonly name: string;
  readonly request: unknown;
}

/** The answer on its way back. */
export interface AnswerMessage {
  readonly id: number;
  readonly response?: unknown;
  readonly error?: string;
}

/** Answers the parent's commands from now on. */
export function answerCommands<Table extends CommandTable>(handlers: CommandHandlers<Table>): void {
  process.on("message", (message: CommandMessage) => {
    const handler: CommandHandlers<CommandTable>[string] | undefined = Reflect.get(handlers, message.name);
    const answer = (content: Omit<AnswerMessage, "id">) => process.send?.({ id: message.id, ...content });
    if (handler === undefined) {
      answer({ error: `There is no command ${message.name}.` });
      return;
    }
    handler(message.request).then(
      (response) => answer({ response }),
      (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}
