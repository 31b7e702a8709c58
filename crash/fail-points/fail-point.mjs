/** What is armed: the process dies when it comes to this point for the last of `left` times. */
let armed = "";
let left = 0;

/** @type {(name: string, count: number) => void} */
export function arm(name, count) {
  armed = name;
  left = count;
}

/**
 * A place where the process may be killed -9.
 *
 * @param {string} name
 */
export function reach(name) {
  if (name !== armed || --left > 0) return;
  die();
}

/** Whether the process dies the next time it comes to `name`; counts as having come there. @type {(name: string) => boolean} */
export function isDue(name) {
  return name === armed && --left <= 0;
}

/** Not an exit: nothing of the process runs any more. */
export function die() {
  process.kill(process.pid, "SIGKILL");
  // The signal takes the thread before it returns; were it another one's turn, this one must not go on.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
