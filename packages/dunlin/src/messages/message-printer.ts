import type { PublishPacket } from "@dunlin/protocol";
import { parseFormat } from "./message-format.ts";
import { messageToJson } from "./message-json.ts";

export interface PrinterOptions {
  readonly output: "text" | "json" | "hex";
  /** Goes before `output`. */
  readonly format: string | undefined;
  /** The topic and a blank before the payload. */
  readonly isVerbose: boolean;
  readonly endOfLine: string;
}

/** How a message is printed. A format is checked at once. */
export function createPrinter(options: PrinterOptions): (message: PublishPacket, receivedAt: Date) => Buffer {
  const endOfLine = Buffer.from(options.endOfLine);
  if (options.format !== undefined) {
    const print = parseFormat(options.format);
    return (message, receivedAt) => Buffer.concat([print(message, receivedAt), endOfLine]);
  }
  if (options.output === "json") {
    return (message, receivedAt) => Buffer.from(`${messageToJson(message, receivedAt)}${options.endOfLine}`);
  }
  return ({ topicName, payload }) => {
    const topic = Buffer.from(options.isVerbose ? `${topicName} ` : "");
    const body = options.output === "hex" ? Buffer.from(Buffer.from(payload).toString("hex")) : payload;
    return Buffer.concat([topic, body, endOfLine]);
  };
}
