/** The commands of a child process, each with its request and response. All must be plain data. */
export type CommandTable = Record<string, { request: unknown; response: unknown }>;

/** The handlers of a child's commands. */
export type CommandHandlers<Table extends CommandTable> = {
  readonly [Name in keyof Table]: (request: Table[Name]["request"]) => Promise<Table[Name]["response"]>;
};

/** A command sent to a child. */
export interface CommandMessage {
  readonly id: number;
  readonly name: string;
  readonly request: unknown;
}

/** A response sent by a child. */
export interface ResponseMessage {
  readonly id: number;
  readonly response?: unknown;
  readonly error?: string;
}

/** Handles the parent's commands from now on. */
export function handleCommands<Table extends CommandTable>(handlers: CommandHandlers<Table>): void {
  process.on("message", (message: CommandMessage) => {
    const handler: CommandHandlers<CommandTable>[string] | undefined = Reflect.get(handlers, message.name);
    const respond = (content: Omit<ResponseMessage, "id">) => process.send?.({ id: message.id, ...content });
    if (handler === undefined) {
      respond({ error: `There is no command ${message.name}.` });
      return;
    }
    handler(message.request).then(
      (response) => respond({ response }),
      (error: unknown) => respond({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}
