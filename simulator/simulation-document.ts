import type { PlantedBug } from "./planted-bugs.ts";
import type { Outcome } from "./world.ts";

export interface SimulationReport {
  readonly seeds: number;
  readonly steps: number;
  readonly seconds: number;
  readonly messagesReceived: number;
  readonly crashes: number;
  readonly violations: number;
  readonly bugs: readonly { readonly plant: PlantedBug; readonly found: Outcome | undefined }[];
}

const heading = "## Simulation";

const text = `The whole broker runs in one process with everything around it made up: time, links, clients, the store. A seed says
beforehand all that will happen, so that it happens again just so: \`npm run simulate -- --seed N --steps M\`.
Two to eight clients (MQTT 3.1.1 and 5.0, every QoS, sessions that end at once, after a while or never, shared subscriptions,
wills with and without delay, message expiry, small windows, slow or missing answers) connect, take over from each other, leave,
lose their links. Links delay, deliver in pieces, hold back, break within a packet, or go half open. The store takes its time,
fails, and crashes before a write, after it, or before it is acknowledged; at \`os\` a loss of power takes back the last groups, at
\`memory\` everything. The clock is set forward and back by seconds or an hour. In the end all works again, everyone comes back,
and the checker of the crash tests goes over what each client was told, event by event; who is never answered is a failure too.

A failing seed is made smaller (fewer clients, fewer steps) and told as a story. \`--minutes N\` plays new seeds for so long,
\`--report\` writes this section; \`npm test\` plays 400 seeds in some seconds.

What it cannot show: LMDB is not part of it (that is what the kills above are for), nor are real sockets, TLS or WebSocket.
A jump of the clock within five seconds before a crash is to the broker the same as having been down: sessions may end by it.
A message that had expired, and was passed over, may come after a crash after all, with DUP and behind later ones: the broker
cannot know then that it was never sent.`;

/** The page with this section anew; the others stay. */
export function withSimulation(page: string, report: SimulationReport): string {
  const others = page.split(/^(?=## )/m).filter((section) => !section.startsWith(`${heading}\n`));
  const parts = [...others, [heading, text, figures(report), bugTable(report)].join("\n\n")];
  return `${parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}

function figures({ seeds, steps, messagesReceived, crashes, violations }: SimulationReport): string {
  const count = (figure: number): string => figure.toLocaleString("en");
  return [
    `The last run: ${count(seeds)} seeds of ${count(steps)} steps, ${count(messagesReceived)} messages received,`,
    `${count(crashes)} crashes, ${count(violations)} violations.`,
  ].join("\n");
}

function bugTable({ bugs }: SimulationReport): string {
  const rows = bugs.map(({ plant, found }) => {
    const seeds = found === undefined ? "not found" : String(found.scenario.seed);
    return `| ${plant.name} | ${plant.rule} | ${seeds} |`;
  });
  return [
    "Bugs that brokers have had, put in from outside, and how many seeds it takes until the checker names them:",
    "",
    "| Bug | Rule that it breaks | seeds |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}
