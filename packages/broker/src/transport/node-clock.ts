import type { Clock } from "../ports/clock.ts";

/** The time of this machine and the turns of Node's event loop. */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  every(ms, callback) {
    const timer = setInterval(callback, ms).unref();
    return () => clearInterval(timer);
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  // The check phase follows the poll phase, so that everything readable in this turn has been read by then. A
  // microtask or next tick would come after each single socket.
  afterTurn(callback) {
    setImmediate(callback);
  },
};
