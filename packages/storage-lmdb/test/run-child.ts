import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs a TypeScript file of this folder in a process of its own. Its stderr is shown; stdout is piped. */
export function runChild(file: string, args: readonly string[], shellLimit?: string): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const node = [process.execPath, "--conditions=x-source", "--import", "tsx", path, ...args];
  const stdio = ["ignore", "pipe", "inherit"] as const;
  if (shellLimit === undefined) return spawn(node[0]!, node.slice(1), { stdio: [...stdio] });
  // `exec`, so that the limit holds and the process number is that of the child.
  return spawn("sh", ["-c", `${shellLimit}; exec "$0" "$@"`, ...node], { stdio: [...stdio] });
}

/** All that the child prints, once it has ended. Rejects where it fails. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
  if (code !== 0) throw new Error(`The child ended with code ${code}: ${output}`);
  return output;
}
