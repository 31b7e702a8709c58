import type { QoS } from "@dunlin/protocol";
import { Dice } from "./dice.ts";
import type { ClientPlan, Scenario, Step, WillPlan } from "./scenario.ts";

const FOR_EVER = 0xffffffff;
const MOST_CLIENTS = 7;
const TOPIC_NAMES = ["t/0", "t/1", "s/0", "r/0", "r/1"] as const;
const TOPIC_FILTERS = ["t/#", "t/0", "t/+", "r/#", "r/+", "w/#", "$share/g/s/#"] as const;
const LARGEST_SEED = 0x7fffffff;
const HOUR_MS = 3_600_000;

type Kind = Step["does"];

/** How often each happens, in proportion. */
const KINDS: readonly (readonly [Kind, number])[] = [
  ["publish", 34],
  ["subscribe", 16],
  ["connect", 16],
  ["cut", 7],
  ["answer", 5],
  ["disconnect", 4],
  ["crash", 4],
  ["hold", 3],
  ["unsubscribe", 3],
  ["half-open", 3],
  ["wait", 3],
  ["store fails", 1],
  ["restart", 1],
  ["clock jumps", 1],
];
const WEIGHT = KINDS.reduce((sum, [, weight]) => sum + weight, 0);

/** All that will happen under a seed, said beforehand: what is left out changes nothing of the rest. */
export function generateScenario(seed: number, stepCount: number): Scenario {
  const dice = new Dice(seed);
  const clients = Array.from({ length: 2 + dice.below(MOST_CLIENTS - 1) }, (_, index) => ({
    clientId: `c${index}`,
    version: dice.chance(1, 3) ? (4 as const) : (5 as const),
    seed: dice.below(LARGEST_SEED),
  }));
  const durability = dice.chance(4, 6) ? "disk" : dice.chance(1, 2) ? "os" : "memory";
  const storeDelayMs = dice.pick([0, 2, 10, 60]);
  const maximumInflight = dice.pick([1, 3, 8, 100]);
  const receiveMaximum = dice.pick([1, 4, 100]);
  const maximumPendingCommitBytes = dice.pick([1, 1000, 1_000_000]);
  const limits = { maximumInflight, receiveMaximum, maximumPendingCommitBytes };
  const steps: Step[] = [];
  // Everyone is there and has something to listen to, so that what follows meets somebody.
  for (const client of clients) steps.push(connect(dice, client, 5));
  for (const client of clients) steps.push(subscribe(dice, client, 40), subscribe(dice, client, 2));
  while (steps.length < stepCount) steps.push(nextStep(dice, clients));
  return { seed, durability, storeDelayMs, ...limits, clients, steps };
}

function nextStep(dice: Dice, clients: readonly ClientPlan[]): Step {
  const client = clients[dice.below(clients.length)] as ClientPlan;
  const afterMs = dice.pick([0, 1, 5, 30, 30, 200]);
  const step = { afterMs, client: client.clientId };
  const kind = nextKind(dice);
  switch (kind) {
    case "connect":
      return connect(dice, client, afterMs);
    case "subscribe":
      return subscribe(dice, client, afterMs);
    case "publish":
      return publish(dice, client, afterMs);
    case "crash":
      return {
        does: kind,
        afterMs,
        what: dice.chance(1, 2) ? "kill" : "power",
        at: dice.pick([undefined, "before write", "after write", "before acknowledgement"]),
        nth: 1 + dice.below(4),
        downMs: dice.pick([0, 50, 2000]),
      };
    case "disconnect":
      return { does: kind, ...step, withWill: dice.chance(1, 3), endsSession: dice.chance(1, 4) };
    case "unsubscribe":
      return { does: kind, ...step, topicFilter: dice.pick(TOPIC_FILTERS) };
    case "hold":
      return { does: kind, ...step, forMs: dice.pick([20, 300, 3000]) };
    case "store fails":
      return { does: kind, afterMs, forMs: dice.pick([10, 500, 3000]) };
    case "restart":
      return { does: kind, afterMs, downMs: dice.pick([0, 1000]) };
    case "clock jumps":
      return { does: kind, afterMs, byMs: dice.pick([-HOUR_MS, -5000, 5000, HOUR_MS]) };
    case "wait":
      return { does: kind, afterMs: dice.pick([500, 4000, 4000, 30_000]) };
    default:
      return { does: kind, ...step };
  }
}

function nextKind(dice: Dice): Kind {
  let left = dice.below(WEIGHT);
  for (const [kind, weight] of KINDS) {
    if (left < weight) return kind;
    left -= weight;
  }
  return "wait";
}

function connect(dice: Dice, { clientId, version }: ClientPlan, afterMs: number): Step {
  const isPersistent = dice.chance(3, 4);
  const expirySeconds = isPersistent ? (version === 4 ? FOR_EVER : dice.pick([40, FOR_EVER, FOR_EVER])) : 0;
  return {
    does: "connect",
    afterMs,
    client: clientId,
    cleanStart: version === 4 ? !isPersistent : dice.chance(1, 6),
    expirySeconds,
    keepAliveSeconds: dice.pick([0, 2, 10]),
    receiveMaximum: dice.pick([1, 2, 5, 65_535]),
    topicAliasMaximum: dice.pick([0, 0, 2]),
    will: dice.chance(1, 3) ? will(dice, version) : undefined,
    pace: dice.pick(["prompt", "prompt", "late", "when told"]),
    delayMs: dice.pick([0, 1, 10, 80]),
    pieceBytes: dice.pick([3, 40, 100_000, 100_000]),
    windowBytes: dice.pick([200, 65_536, 65_536]),
    seed: dice.below(LARGEST_SEED),
  };
}

function will(dice: Dice, version: 4 | 5): WillPlan {
  const delaySeconds = version === 5 ? dice.pick([0, 0, 1, 3]) : 0;
  return { qos: qos(dice), retain: dice.chance(1, 4), delaySeconds };
}

function qos(dice: Dice): QoS {
  return dice.pick([0, 1, 1, 2, 2]);
}

function subscribe(dice: Dice, { clientId, version }: ClientPlan, afterMs: number): Step {
  const topicFilter = dice.pick(TOPIC_FILTERS);
  const noLocal = version === 5 && !topicFilter.startsWith("$share") && dice.chance(1, 6);
  const retainAsPublished = version === 5 && dice.chance(1, 4);
  const retainHandling = version === 5 ? dice.pick([0, 0, 1, 2] as const) : 0;
  const subscriptionIdentifier = version === 5 && dice.chance(1, 2) ? 1 + dice.below(3) : 0;
  return {
    does: "subscribe",
    afterMs,
    client: clientId,
    topicFilter,
    qos: qos(dice),
    noLocal,
    retainAsPublished,
    retainHandling,
    subscriptionIdentifier,
  };
}

function publish(dice: Dice, { clientId, version }: ClientPlan, afterMs: number): Step {
  const topicName = dice.pick(TOPIC_NAMES);
  const retain = topicName.startsWith("r/") || dice.chance(1, 12);
  return {
    does: "publish",
    afterMs,
    client: clientId,
    topicName,
    qos: qos(dice),
    retain,
    clears: retain && dice.chance(1, 4),
    expirySeconds: version === 5 && dice.chance(1, 12) ? 1 + dice.below(4) : undefined,
    count: 1 + dice.below(6),
    bytes: dice.pick([0, 10, 10, 600]),
  };
}
