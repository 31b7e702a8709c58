import type { QoS } from "@dunlin/protocol";
import type { Device } from "./device.ts";
import type { Dice } from "./dice.ts";
import type { HistoryEvent } from "./history.ts";

const topicFilters = ["c/0", "c/1", "c/+"] as const;
const maximumPauseMs = 30;

/** Subscribes, and writes into the history what was asked and what was answered; false where nobody answered. */
export async function subscribe(
  device: Device,
  filters: readonly string[],
  qos: QoS,
  history: HistoryEvent[],
): Promise<boolean> {
  const client = device.clientId;
  for (const topicFilter of filters) history.push({ is: "subscribing", client, topicFilter, qos });
  const at = await device.subscribe(filters, qos);
  if (at === undefined) return false;
  for (const topicFilter of filters) history.push({ is: "subscribed", client, topicFilter, qos, at });
  return true;
}

/** A client whose session begins, changes, moves to another connection and ends all the time. */
export class Churner {
  readonly device: Device;
  readonly #dice: Dice;
  readonly #history: HistoryEvent[];

  constructor(device: Device, dice: Dice, history: HistoryEvent[]) {
    this.device = device;
    this.#dice = dice;
    this.#history = history;
  }

  async run(port: number, isWanted: () => boolean): Promise<void> {
    const { device } = this;
    while (isWanted()) {
      if (device.state !== "connected") await device.connect(port, { cleanStart: this.#dice.chance(1, 4) });
      // Nobody answers any more.
      if (device.state !== "connected") return;
      await this.#act(port);
      await new Promise((resolve) => setTimeout(resolve, this.#dice.below(maximumPauseMs)));
    }
  }

  /** Ready to receive what marks the end. */
  async settle(port: number): Promise<void> {
    if (this.device.state !== "connected") await this.device.connect(port, { cleanStart: false });
    await subscribe(this.device, ["fence"], 1, this.#history);
  }

  async #act(port: number): Promise<void> {
    const { device } = this;
    const topicFilter = this.#dice.pick(topicFilters);
    const qos = this.#dice.pick([1, 2] as const);
    const action = this.#dice.below(9);
    if (action < 3) await subscribe(device, [topicFilter], qos, this.#history);
    else if (action === 3) await this.#unsubscribe(topicFilter);
    else if (action === 4) device.drop();
    else if (action === 5)
      await device.connect(port, { cleanStart: this.#dice.chance(1, 3), takesOver: true });
    else if (action === 6)
      await device.connect(port, { cleanStart: true, expirySeconds: 0, takesOver: true });
    else await this.#leave(action === 7);
  }

  async #unsubscribe(topicFilter: string): Promise<void> {
    const client = this.device.clientId;
    this.#history.push({ is: "unsubscribing", client, topicFilter });
    const at = await this.device.unsubscribe([topicFilter]);
    if (at !== undefined) this.#history.push({ is: "unsubscribed", client, topicFilter, at });
  }

  async #leave(endsSession: boolean): Promise<void> {
    const { clientId: client, options } = this.device;
    const ends = endsSession && options.version === 5;
    this.#history.push({ is: "leaving", client, expirySeconds: ends ? 0 : options.expirySeconds });
    await this.device.disconnect(ends ? 0 : undefined);
  }
}
