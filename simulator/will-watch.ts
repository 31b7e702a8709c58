import type { Will } from "@dunlin/protocol";
import type { Link } from "./link.ts";
import { payloadOf } from "./own-messages.ts";
import type { WillPlan } from "./scenario.ts";
import type { Surroundings } from "./simulated-client.ts";

/** A will may come this much later than it is due: the broker looks at its deadlines ten times a second. */
const SLACK_MS = 1000;

interface WatchedWill {
  readonly id: string;
  readonly delayMs: number;
  /** A session that ends with its connection: its will is nowhere but in memory. */
  readonly isStored: boolean;
  readonly link: Link;
  state: "sent" | "accepted" | "left" | "taken back" | "due";
  closedMs: number;
  closedAtMs: number;
}

/** Knows when the broker owes a client's will, and when it must not publish it. */
export class WillWatch {
  readonly #clientId: string;
  readonly #around: Pick<Surroundings, "clock" | "tell">;
  #current: WatchedWill | undefined;
  /** Ended, but not known for certain to have come to anything. */
  #ended: WatchedWill[] = [];
  #count = 0;

  constructor(clientId: string, around: Pick<Surroundings, "clock" | "tell">) {
    this.#clientId = clientId;
    this.#around = around;
  }

  connecting(plan: WillPlan | undefined, expirySeconds: number, link: Link): Will | undefined {
    this.#claimDue();
    // Its session may go on before the delay is over: then it will not come, and who knows.
    this.#ended = this.#ended.filter(({ isStored, delayMs }) => !isStored || delayMs === 0);
    this.#current = undefined;
    if (plan === undefined) return undefined;
    const { qos, retain, delaySeconds } = plan;
    const id = `${this.#clientId}-w${this.#count++}`;
    const topicName = `w/${this.#clientId}`;
    const client = this.#clientId;
    this.#around.tell({ is: "published", client, id, topicName, qos, retain, clears: false, will: true });
    this.#current = {
      id,
      delayMs: delaySeconds * 1000,
      isStored: expirySeconds > 0,
      link,
      state: "sent",
      closedMs: 0,
      closedAtMs: 0,
    };
    const properties = delaySeconds > 0 ? { willDelayIntervalSeconds: delaySeconds } : {};
    return { topicName, payload: payloadOf(id, 5), qos, retain, properties };
  }

  connected(): void {
    if (this.#current?.state === "sent") this.#current.state = "accepted";
  }

  /** DISCONNECT takes it back, if it is heard. */
  leaving(): void {
    if (this.#current?.state === "accepted") this.#current.state = "left";
  }

  /** `heard`: the broker has closed the connection by itself, having read all that was sent. */
  closed(heard: boolean): void {
    const will = this.#current;
    if (will === undefined) return;
    this.#current = undefined;
    const { clock } = this.#around;
    will.closedMs = clock.monotonic();
    will.closedAtMs = clock.now();
    if (will.state === "left" && heard) will.state = "taken back";
    else if (will.state === "accepted") will.state = "due";
    else return;
    this.#ended.push(will);
    this.#claimDue();
  }

  /** Where a delay is counted by a clock that jumps, nobody knows when it is over. */
  clockJumps(): void {
    this.#ended = this.#ended.filter(({ delayMs }) => delayMs === 0);
    if (this.#current !== undefined && this.#current.delayMs > 0) this.#current = undefined;
  }

  /** The process is gone. What was not stored is lost; what was taken back may not have been stored as such. */
  killed(survives: "all" | "some" | "none"): void {
    const isSafe = (will: WatchedWill): boolean =>
      survives === "all" && will.isStored && will.state === "due";
    this.#ended = this.#ended.filter(isSafe);
    if (survives !== "all") this.#current = undefined;
    if (this.#current?.isStored === false) this.#current = undefined;
  }

  /** All that could happen has happened. */
  settle(): void {
    this.#claimDue();
    for (const { id, state, isStored, delayMs } of this.#ended.splice(0)) {
      if (state === "taken back") this.#around.tell({ is: "withdrawn", client: this.#clientId, id });
      else if (!isStored || delayMs === 0) this.#owe(id);
    }
  }

  #claimDue(): void {
    const { clock } = this.#around;
    const isDue = ({ state, isStored, delayMs, closedMs, closedAtMs, link }: WatchedWill): boolean => {
      if (state !== "due" || !isStored) return false;
      if (delayMs === 0) return true;
      const isOver =
        clock.monotonic() - closedMs > delayMs + SLACK_MS && clock.now() - closedAtMs > delayMs + SLACK_MS;
      // Half open, its delay begins when the broker notices.
      return isOver && link.state === "down";
    };
    for (const will of this.#ended.filter(isDue)) this.#owe(will.id);
    this.#ended = this.#ended.filter((will) => !isDue(will));
  }

  #owe(id: string): void {
    this.#around.tell({ is: "acknowledged", client: this.#clientId, id });
  }
}
