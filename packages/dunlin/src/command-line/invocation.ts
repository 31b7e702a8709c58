import { existsSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** How the user can call this program from where it was started. */
export function invocation(): string {
  const isInstalled = fileURLToPath(import.meta.url).includes(`${sep}node_modules${sep}`);
  if (isInstalled) return "npx dunlin";
  const linked = join("node_modules", ".bin", "dunlin");
  return existsSync(linked) ? linked : "dunlin";
}
