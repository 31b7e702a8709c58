import type { LoadMemory } from "./load-memory.ts";
import type { LoadPlan } from "./load-plan.ts";
import { createMicrosecondClock } from "./microsecond-clock.ts";

/** Bytes that one read of a socket can take. */
const READ_BUFFER_BYTES = 256 * 1024;

/** What the clients of a worker share. */
export class WorkerContext {
  readonly plan: LoadPlan;
  readonly clock: () => number = createMicrosecondClock();
  readonly counters: Float64Array;
  readonly histogram: Uint32Array;
  readonly due: Int32Array;
  readonly readBuffer: Uint8Array = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  /** Called with the number of a publisher whose message has been delivered. */
  onDelivered: (publisher: number) => void = () => undefined;

  constructor(plan: LoadPlan, worker: number, memory: LoadMemory) {
    this.plan = plan;
    this.counters = memory.countersOf(worker);
    this.histogram = memory.histogramOf(worker);
    this.due = memory.due;
  }
}
