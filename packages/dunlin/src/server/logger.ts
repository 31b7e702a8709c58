import type { Logger } from "@dunlin/broker";
import { type DestinationStream, pino } from "pino";
import type { Config } from "../config/schema.ts";

export interface LogOutput {
  readonly logger: Logger;
  /** Writes what is still held back; for the end of the process. */
  flush(): void;
}

/** A logger that writes to stderr. */
export function createLogger({ level, format }: Config["logging"]): LogOutput {
  const resolved = format ?? (process.stderr.isTTY ? "pretty" : "json");
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (resolved === "pretty") {
    const destination: DestinationStream = { write: (line) => void process.stderr.write(prettyLine(line)) };
    return { logger: pino(options, destination), flush: () => undefined };
  }
  // Not synchronous: who reads the log slowly must not slow the broker down.
  const destination = pino.destination({ dest: 2, sync: false });
  // Nobody reads the log any more; the broker goes on.
  destination.on("error", () => undefined);
  return { logger: pino(options, destination), flush: () => destination.flushSync() };
}

/** `08:20:00.123 INFO  message  key=value`. */
export function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const details = Object.entries(fields).map(([key, value]) => `${key}=${formatField(value)}`);
  const head = `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${msg}`;
  return `${[head, ...details].join("  ")}\n`;
}

function formatField(value: unknown): string {
  // An error: its stack is worth its lines.
  if (typeof value === "object" && value !== null && "stack" in value) return String(value.stack);
  const text = JSON.stringify(value);
  return /^"[^"\\\s]+"$/.test(text) ? text.slice(1, -1) : text;
}
