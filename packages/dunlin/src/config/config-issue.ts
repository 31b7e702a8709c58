import type { ConfigPath } from "./config-path.ts";

/** One thing that is wrong, told in one line; where it was written is added by `loadConfig`. */
export interface ConfigIssue {
  readonly path: ConfigPath;
  /** Follows the path: "must be a whole number, not "abc"". Says the remedy where it is not plain. */
  readonly text: string;
  /** The issue is the last key of the path itself, not its value. */
  readonly unknownKey?: true;
}
