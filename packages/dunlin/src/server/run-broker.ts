import type { Broker, Logger } from "@dunlin/broker";

/** From the first signal to the end, whatever clients and disk do. */
const STOP_TIMEOUT_MS = 10_000;

/** Under npm one Ctrl-C comes twice: from the terminal, and from npm, which hands on its own. */
const SAME_KEY_MS = 500;

/** Signals that ask the process to end, in the order in which they come. */
export class StopSignals {
  private received: NodeJS.Signals[] = [];
  private wake: ((signal: NodeJS.Signals) => void) | undefined;
  private interruptedAt = Number.NEGATIVE_INFINITY;

  constructor() {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => this.onSignal(name));
  }

  next(): Promise<NodeJS.Signals> {
    const signal = this.received.shift();
    if (signal !== undefined) return Promise.resolve(signal);
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private onSignal(name: NodeJS.Signals): void {
    if (name === "SIGINT") {
      const now = performance.now();
      if (now - this.interruptedAt < SAME_KEY_MS) return;
      this.interruptedAt = now;
    }
    const wake = this.wake;
    this.wake = undefined;
    if (wake === undefined) this.received.push(name);
    else wake(name);
  }
}

/**
 * Waits for a signal, then drains: clients are told, what is acknowledged is stored. Returns why not all of that
 * could be done; undefined when it was.
 */
export async function runUntilStopped(
  broker: Broker,
  signals: StopSignals,
  logger: Logger,
): Promise<string | undefined> {
  const signal = await signals.next();
  logger.info({ signal }, "stopping");
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not stopped after ${STOP_TIMEOUT_MS / 1000} s`), STOP_TIMEOUT_MS);
  });
  const again = signals.next().then((second) => `not stopped cleanly: a second signal (${second}) came`);
  try {
    return await Promise.race([broker.stop().then(() => undefined), overdue, again]);
  } finally {
    clearTimeout(timer);
  }
}
