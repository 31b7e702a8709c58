import { release, type } from "node:os";
import type { FlipOutcome } from "./bit-flips/bit-flips.ts";
import { plantedDefects } from "./fail-points/planted.mjs";
import { nameOf } from "./kill-points.ts";
import type { KillOutcome } from "./kill-run.ts";
import type { KillsResult } from "./kills.ts";
import { type Loss, losses } from "./power-loss/recorded-disk.ts";

export interface DiskFaultOutcome {
  readonly name: string;
  /** As Vitest calls it: passed, failed, skipped ... */
  readonly status: string;
}

export interface PowerLossCounts {
  readonly counts: ReadonlyMap<Loss, number>;
  readonly systemCalls: number;
  /** Why none was tried. */
  readonly skipped: string | undefined;
}

export interface CrashReport {
  readonly disk: KillsResult;
  readonly os: KillsResult;
  readonly powerLosses: { readonly disk: PowerLossCounts; readonly os: PowerLossCounts };
  readonly bitFlips: Readonly<Record<FlipOutcome, number>>;
  readonly diskFaults: readonly DiskFaultOutcome[];
  readonly violations: readonly string[];
}

const introduction = `# Durability

What an acknowledgement of Dunlin survives, how that is tried, and what the last try found.
\`npm run test:crash\` does it all again and writes this page; \`npm test\` runs a short form.

## What is promised

\`durability\` is a key of the configuration and an option of \`dunlin start\`.

| | \`disk\` (default) | \`os\` | \`memory\` |
|---|---|---|---|
| The process ends, by \`kill -9\` or a defect | everything acknowledged is there | everything acknowledged is there | nothing is there |
| Power loss, crash of the system | everything acknowledged is there | nothing is promised but that the broker starts, on some earlier state | nothing is there |
| The disk is full, fails or is read-only | no acknowledgement is sent for what is not stored | the same | is not noticed |

Acknowledged means, in sessions that outlive their connection:

| Packet | What is stored before it is sent |
|---|---|
| PUBACK, PUBREC | the message, for every such session that is to get it, and as the retained message of its topic; for QoS 2 its Packet Identifier, so that it is not taken for another message |
| PUBREL | that the message is received, so that it is not sent again |
| PUBCOMP | that the Packet Identifier is free again |
| SUBACK, UNSUBACK | the subscriptions, and the retained messages that they bring |
| CONNACK | the session, its will and its expiry; that an earlier session of the client has ended |
| PUBLISH with QoS 1 or 2 to such a session | the message, and with it the Packet Identifier |

A session that ends with its connection stores nothing. Its will is lost where the broker is killed. The queue of a session
has limits ([limits](limits.md)): what does not fit is dropped and counted, though it is acknowledged. What the broker says of
itself under \`$\` is not stored.
PUBACK, PUBREC and PUBCOMP *from* a client are stored within 250 ms, PUBREC before it is answered: after a crash a
message of QoS 1 may come again, one of QoS 2 does not. DISCONNECT has no answer: whether it came before the crash (and
took the will back, or ended the session) nobody can know. Deadlines (expiry of sessions and messages, delayed wills)
are stored as times of day and go on while the broker is down.

One commit, and one fsync, serves everything that has come while the one before was under way, on a thread of LMDB's
([ADR 2](adr/0002-group-commit.md)).
`;

const killText = `## Killed: kill -9

\`dunlin start\` as it is built, used over sockets by a dozen clients (MQTT 3.1.1 and 5.0, QoS 1 and 2, retained messages set
and cleared, wills, sessions that begin, end and are taken over), is killed, started again and used on. For the
points by name its store and its streams are wrapped by a module loader; "any time" is the plain process, killed from
outside; "system call" is a kill by strace as that call begins, also within LMDB's transactions. "rebuild" is the
copying of a data file that was found damaged: the nearest that this store has to a compaction. Each time everyone comes
back, finishes what was under way, receives what waits, and a checker compares the history of every client with the
promises above: nothing acknowledged is lost, QoS 2 comes once, order per publisher and topic, sessions and their
subscriptions, retained messages, wills, and nothing that was never sent.

That the checker would notice is a test of its own (\`npm test -- --filter planted-defects\`): the same kills find out a store
that ${plantedDefects.join(", ")}.
`;

const powerText = `## Power loss

With strace, every system call by which the process changes its files is recorded with its data, and every byte that
leaves for a client. At any moment of that record the disk may hold: what was synced, and of what was written since,
each sector of 512 bytes or not, in any combination, whatever the order of the writes; created, renamed and removed
names up to any of those since the folder was synced; the size of a file with or without its content. A broker is started
on it, and has to satisfy the checker for what had left for each client until then (with \`os\`: for any earlier state of it). Not covered: disks that lie about a
sync, sectors that are torn within, and damage to what was synced long before.
`;

const flipText = `## Bits that turn

One bit of the data file is turned: anywhere, in the headers of pages, in the two pages that name the last transactions.
LMDB has no checksums. Dunlin's records have a CRC-32 each; the tree around them is read and checked in full before LMDB
may open the file. What is damaged is logged and set aside (records in a database named \`quarantine\`, whole files beside
the new one), the rest survives. "Without effect": nothing was missing. "Silent": something was, and no line of the log says so.
A bit that turns while the broker runs is noticed where a record is read, and at the next start.
`;

const faultText = `## Failing disks

While storing fails, PUBACK, PUBREC, SUBACK and CONNACK that promise something wait; publishers of QoS 1 and 2 feel it as
back-pressure, at the latest when their Receive Maximum is used up. QoS 0, and sessions that end with their connection,
go on. It is tried again every second and clears by itself. One line in the log tells that it began, one that it is over;
\`$SYS/broker/store/state\` says \`working\` or \`failing\`, \`counters.commitFailures\` counts; how long storing takes is
\`counters.commitMs\` and \`$SYS/broker/store/commit milliseconds\`. EIO, EROFS and ENOSPC are
injected into the running process by strace; the full disk is a real one (tmpfs, needs root).

Known defect: lmdb-js 3.5.6 notes a write that the system refused in 100 bytes of memory, and the note may be longer: the
heap is damaged, and the process may end by it (SIGABRT). Nothing acknowledged is lost, but the broker has to be started
again. So the store looks for room before it gives LMDB a group, and after a failure tries the file by itself before LMDB
may write again: a full disk never gets that far, a disk that fails (EIO) does once.
`;

/** The page; sections of \`before\` that are not written here are kept, at the end. */
export function durabilityDocument(report: CrashReport, before: string): string {
  const own = [
    introduction,
    `${lastRun(report)}\n`,
    `${killText}\n${killTable(report)}\n`,
    `${powerText}\n${powerTable(report)}\n`,
    `${flipText}\n${flipTable(report)}\n`,
    `${faultText}\n${faultTable(report)}\n`,
  ].join("\n");
  const headings = new Set(own.match(/^## .*$/gm));
  const foreign = before.split(/^(?=## )/m).filter((section) => {
    const heading = /^## .*$/m.exec(section)?.[0];
    return heading !== undefined && section.startsWith("## ") && !headings.has(heading);
  });
  return [own, ...foreign].map((part) => `${part.trimEnd()}\n`).join("\n");
}

function lastRun({ disk, os, powerLosses, bitFlips, diskFaults, violations }: CrashReport): string {
  const flips = Object.values(bitFlips).reduce((sum, count) => sum + count, 0);
  const total = ({ counts }: PowerLossCounts): number =>
    [...counts.values()].reduce((sum, count) => sum + count, 0);
  const rows = [
    ["kills, durability disk", disk.outcomes.length],
    ["kills, durability os", os.outcomes.length],
    ["messages acknowledged meanwhile", disk.acknowledged + os.acknowledged],
    ["messages received meanwhile", disk.received + os.received],
    ["power losses, durability disk", total(powerLosses.disk)],
    ["power losses, durability os", total(powerLosses.os)],
    ["bits turned", flips],
    ["disk faults", diskFaults.length],
    ["disk faults that did not pass", diskFaults.filter(({ status }) => status === "failed").length],
    ["violations", violations.length],
  ].map(([what, count]) => `| ${what} | ${count?.toLocaleString("en")} |`);
  const system = `Node.js ${process.versions.node}, ${type()} ${release().split("-")[0]}, ${process.arch}`;
  const failed = violations.slice(0, 20).map((violation) => `- ${violation.split("\n")[0]}`);
  return ["## The last run", "", `${system}.`, "", "| | |", "|---|---|", ...rows, "", ...failed]
    .join("\n")
    .trimEnd();
}

function killTable({ disk, os }: CrashReport): string {
  const counts = new Map<string, { disk: number; os: number; elsewhere: number }>();
  const count = (outcomes: readonly KillOutcome[], level: "disk" | "os"): void => {
    for (const { kill, isReached } of outcomes) {
      const name = nameOf(kill);
      const row = counts.get(name) ?? { disk: 0, os: 0, elsewhere: 0 };
      if (isReached) row[level]++;
      else row.elsewhere++;
      counts.set(name, row);
    }
  };
  count(disk.outcomes, "disk");
  count(os.outcomes, "os");
  const rows = [...counts]
    .sort(([left], [right]) => left.localeCompare(right))
    .map(([name, row]) => `| ${name} | ${row.disk} | ${row.os} | ${row.elsewhere} |`);
  return [
    "| Killed during: at | `disk` | `os` | not reached in time, killed then |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function powerTable({ powerLosses: { disk, os } }: CrashReport): string {
  if (disk.skipped !== undefined) return `Not tried: ${disk.skipped}.`;
  const rows = losses.map(
    (loss) => `| ${loss} | ${disk.counts.get(loss) ?? 0} | ${os.counts.get(loss) ?? 0} |`,
  );
  const calls = (disk.systemCalls + os.systemCalls).toLocaleString("en");
  const head = `${calls} system calls were recorded. Power losses:`;
  return [head, "", "| Of what was not synced | `disk` | `os` |", "|---|---|---|", ...rows].join("\n");
}

function flipTable({ bitFlips }: CrashReport): string {
  const rows = Object.entries(bitFlips).map(([outcome, count]) => `| ${outcome} | ${count} |`);
  return ["| Outcome | bits |", "|---|---|", ...rows].join("\n");
}

function faultTable({ diskFaults }: CrashReport): string {
  return ["| | |", "|---|---|", ...diskFaults.map(({ name, status }) => `| ${name} | ${status} |`)].join(
    "\n",
  );
}
