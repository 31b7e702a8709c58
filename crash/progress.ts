const startedAt = performance.now();

/** One line that is written over where someone looks at it. */
export function progress(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  if (process.stderr.isTTY) process.stderr.write(`\r${seconds} s  ${text}\u001b[K`);
}

export function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  process.stdout.write(`${text}\n`);
}
