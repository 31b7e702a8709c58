import type { ConfigPath } from "./config-path.ts";

/** A value that the command line or the environment sets over the file. */
export interface Overlay {
  readonly path: ConfigPath;
  readonly value: unknown;
  /** Stands in error lines: "--port", "environment variable DUNLIN_PORT". */
  readonly source: string;
}

/** Sets a value in a tree of plain objects and lists, making what is missing. Leaves it where a scalar is in the way. */
export function applyOverlay(tree: Record<string, unknown>, overlay: Overlay): void {
  let parent = tree as Record<string | number, unknown>;
  overlay.path.slice(0, -1).forEach((step, index) => {
    if (typeof parent !== "object" || parent === null) return;
    parent[step] ??= emptyParent(overlay.path, index);
    parent = parent[step] as Record<string | number, unknown>;
  });
  if (typeof parent !== "object" || parent === null) return;
  parent[overlay.path.at(-1)!] = overlay.value;
}

function emptyParent(path: ConfigPath, index: number): unknown {
  if (typeof path[index + 1] === "number") return [];
  // The first listener, where none is configured, is the default one.
  return path[index - 1] === "listeners" ? { type: "tcp" } : {};
}
