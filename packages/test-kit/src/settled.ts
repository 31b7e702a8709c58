/** Resolves once every microtask has run: in a broker on memory and a fake clock, all that can happen by itself. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
