export { ExitCode } from "./command-line/exit-code.ts";
export type { Config } from "./config/schema.ts";
export { main } from "./main.ts";
