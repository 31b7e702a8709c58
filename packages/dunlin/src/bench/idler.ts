import { bucketOf } from "./latency-histogram.ts";
import { LoadClient } from "./load-client.ts";
import { Counter } from "./load-memory.ts";
import { microsecondsBetween } from "./microsecond-clock.ts";
import type { WorkerContext } from "./worker-context.ts";

/** Connects and does nothing else. */
export class Idler extends LoadClient {
  constructor(context: WorkerContext, index: number) {
    const { topic, idlersSubscribe } = context.plan;
    super(context, "idler", index, idlersSubscribe ? [`${topic}/${index}`] : []);
  }

  protected override onReady(): void {
    const { clock, histogram } = this.context;
    histogram[bucketOf(microsecondsBetween(this.openedAt, clock()))]! += 1;
  }

  protected override onPublish(): void {
    this.context.counters[Counter.foreign]! += 1;
  }

  protected override onAcknowledgement(): void {
    this.context.counters[Counter.protocolErrors]! += 1;
  }
}
