import { Dice } from "./dice.ts";
import type { Kill } from "./kill-run.ts";

const sentPackets = ["CONNACK", "SUBACK", "UNSUBACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "PUBLISH"];
const receivedPackets = [
  "CONNECT",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "DISCONNECT",
];

/** A place where the process is killed, and how often it may come there before. */
interface Site {
  readonly kill: (count: number) => Kill;
  readonly maximumCount: number;
}

/** Where the process kills itself while clients are busy. */
export const loadPoints: readonly string[] = [
  "before commit",
  "within commit",
  "after commit",
  "after erasing",
  "before reading an inbox",
  "after reading an inbox",
  ...sentPackets.flatMap((packet) => [`before ${packet}`, `within ${packet}`, `after ${packet}`]),
  ...receivedPackets.map((packet) => `received ${packet}`),
];

const recoveryPoints = ["before recovery", "within recovery", "after recovery"];
const shutdownPoints = ["before closing", "after closing", "before commit", "after commit"];
/** Killed as they begin, wherever that is: in LMDB's transactions, in recovery, in shutdown. */
const storeCalls = ["pwrite64", "writev", "fdatasync"];
/** While a damaged data file is copied: the nearest that this store has to a compaction. */
const rebuildCalls = ["mkdir", "pwrite64", "fdatasync", "rename", "fsync", "rmdir"];

function sites(isTraced: boolean): Site[] {
  const anyTime: Site = { kill: () => ({ during: "load" }), maximumCount: 1 };
  const atPoint = (during: Kill["during"], name: string, maximumCount: number): Site => ({
    kill: (count) => ({ during, at: { name, count } }),
    maximumCount,
  });
  const atCall = (during: Kill["during"], name: string, maximumCount: number): Site => ({
    kill: (count) => ({ during, systemCall: { name, count } }),
    maximumCount,
  });
  return [
    ...loadPoints.map((name) => atPoint("load", name, /erasing|inbox|SUB|CONN/.test(name) ? 3 : 20)),
    ...recoveryPoints.map((name) => atPoint("recovery", name, name.startsWith("within") ? 12 : 1)),
    ...shutdownPoints.map((name) => atPoint("shutdown", name, 1)),
    { kill: () => ({ during: "shutdown" }), maximumCount: 1 },
    ...(isTraced ? storeCalls.map((name) => atCall("load", name, 12)) : []),
    ...(isTraced
      ? rebuildCalls.map((name) => atCall("rebuild", name, /pwrite|sync/.test(name) ? 3 : 1))
      : []),
    ...Array<Site>(8).fill(anyTime),
  ];
}

/** So many kills, spread evenly over all places, in an order that the seed decides. */
export function planKills(seed: number, kills: number, isTraced: boolean): Kill[] {
  const dice = new Dice(seed);
  const plan: Kill[] = [];
  let left: Site[] = [];
  while (plan.length < kills) {
    if (left.length === 0) left = sites(isTraced);
    const [site] = left.splice(dice.below(left.length), 1);
    if (site !== undefined) plan.push(site.kill(1 + dice.below(site.maximumCount)));
  }
  return plan;
}

/** What stands in the report. */
export function nameOf({ during, at, systemCall }: Kill): string {
  if (systemCall !== undefined) return `${during}: system call ${systemCall.name}`;
  return `${during}: ${at?.name ?? "any time"}`;
}
