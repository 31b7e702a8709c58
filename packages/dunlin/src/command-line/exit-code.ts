/** What the process tells its caller; every help page and docs/cli.md list them. */
export const ExitCode = {
  Success: 0,
  /** The broker could not start or stop cleanly: configuration, port, data folder, certificate. */
  Failure: 1,
  /** The command line is wrong. */
  Usage: 2,
  /** The broker answered, and refused the connection, a subscription or a message. */
  Refused: 3,
  /** No connection could be made, or it was lost. */
  Connection: 4,
  /** The time given with `--timeout` is over; as mosquitto_sub. */
  Timeout: 27,
  /** A defect of this program. */
  Internal: 70,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const exitCodeMeaning: Readonly<Record<keyof typeof ExitCode, string>> = {
  Success: "all went well",
  Failure: "the broker could not start, or not stop cleanly in time; bench: it broke a promise",
  Usage: "the command line is wrong",
  Refused: "the broker refused the connection, a subscription or a message",
  Connection: "no connection could be made, or it was lost",
  Timeout: "the time given with --timeout is over",
  Internal: "a defect of this program; please report it",
};
