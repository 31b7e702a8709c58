import {
  type Broker,
  type ByteStream,
  type Clock,
  createBroker,
  type Listener,
  type Logger,
  type Random,
} from "@dunlin/broker";
import { Dice } from "./dice.ts";
import { Link } from "./link.ts";
import { MortalClock } from "./mortal-clock.ts";
import type { PlantedBug } from "./planted-bugs.ts";
import type { Scenario } from "./scenario.ts";
import type { ConnectStep } from "./simulated-client.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedStore, type StorePoint } from "./simulated-store.ts";

export interface ProcessOptions {
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly disk: SimulatedDisk;
  /** Tells one process of a run from the others. */
  readonly number: number;
  readonly plant: PlantedBug | undefined;
  readonly onPoint: (point: StorePoint) => void;
  readonly onProblem: (problem: string) => void;
}

/** What the broker says while its store is told to fail. */
const EXPECTED_PROBLEMS =
  /cannot store|cannot read the inbox|cannot pass on the inbox|stopped without storing/;

/** One life of the broker, with the connections to it. */
export class BrokerProcess {
  readonly broker: Broker;
  readonly store: SimulatedStore;
  readonly #clock: MortalClock;
  readonly #options: ProcessOptions;
  readonly #links = new Set<Link>();
  #accept: ((stream: ByteStream) => void) | undefined;
  readonly #listener: Listener;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { scenario, disk, number, plant, onPoint } = options;
    const clock = new MortalClock(options.clock);
    this.#clock = clock;
    const seed = scenario.seed * 31 + number;
    const { storeDelayMs: delayMs, maximumInflight, receiveMaximum, maximumPendingCommitBytes } = scenario;
    this.store = new SimulatedStore({ disk, clock, dice: new Dice(seed), delayMs, onPoint });
    this.#listener = {
      name: "simulated",
      url: "simulated:",
      limits: {},
      start: async (accept) => {
        this.#accept = accept;
      },
      stop: async () => {
        this.#accept = undefined;
      },
    };
    this.broker = createBroker({
      listeners: [this.#listener],
      store: plant?.wrapStore?.(this.store, clock) ?? this.store,
      clock,
      random: seededRandom(seed),
      logger: this.#logger(),
      limits: { maximumInflight, receiveMaximum, maximumPendingCommitBytes },
      sysIntervalSeconds: 0,
    });
  }

  /** Undefined where it does not listen, or not yet. */
  open({ delayMs, pieceBytes, windowBytes, seed }: ConnectStep): Link | undefined {
    if (this.#accept === undefined) return undefined;
    const { clock } = this.#options;
    const dice = new Dice(seed);
    const link = new Link({ listener: this.#listener, clock, dice, delayMs, pieceBytes, windowBytes });
    this.#links.add(link);
    this.#accept(link.broker);
    return link;
  }

  /** Ends between two instructions. */
  die(): void {
    this.#clock.die();
    this.store.die();
    this.#accept = undefined;
    for (const link of this.#links) link.cut();
  }

  #logger(): Logger {
    const note = (fields: object, message: string): void => {
      if (EXPECTED_PROBLEMS.test(message)) return;
      const { error } = fields as { error?: Error };
      this.#options.onProblem(`${message}${error === undefined ? "" : `: ${error.stack ?? error.message}`}`);
    };
    return { debug() {}, info() {}, warn() {}, error: note };
  }
}

function seededRandom(seed: number): Random {
  const dice = new Dice(seed);
  return {
    below: (bound) => dice.below(bound),
    hex: (length) => Array.from({ length }, () => dice.below(16).toString(16)).join(""),
  };
}
