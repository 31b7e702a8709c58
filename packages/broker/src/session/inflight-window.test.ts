import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InflightWindow, packetIdentifierOf } from "./inflight-window.ts";

const IDENTIFIERS = 65_535;

interface Message {
  readonly sequence: number;
  readonly qos: 1 | 2;
  readonly bytes: number;
  state: "unsent" | "sent" | "released" | "done";
}

/** What InflightWindow promises, written with a list and no arithmetic. */
class NaiveWindow {
  messages: Message[] = [];
  next: number;
  sentBefore: number;
  limit = 0;

  constructor(first: number) {
    this.next = first;
    this.sentBefore = first;
  }

  get first(): number {
    const open = this.messages.find(({ sequence, state }) => sequence < this.next && state !== "done");
    return open?.sequence ?? this.next;
  }

  get awaited(): Message[] {
    return this.messages.filter(
      ({ sequence, state }) => sequence < this.next && (state === "sent" || state === "released"),
    );
  }

  get canSend(): boolean {
    return this.awaited.length < this.limit && this.next - this.first < IDENTIFIERS;
  }

  at(sequence: number): Message | undefined {
    return this.messages.find((message) => message.sequence === sequence);
  }

  /** Puts the next sequence number in a state. */
  take(qos: 1 | 2, bytes: number, state: Message["state"]): void {
    this.messages = this.messages.filter(({ sequence }) => sequence !== this.next);
    this.messages.push({ sequence: this.next, qos, bytes, state });
    this.messages.sort((a, b) => a.sequence - b.sequence);
    this.next++;
    this.sentBefore = Math.max(this.sentBefore, this.next);
  }

  find(identifier: number, qos: 1 | 2, ...states: Message["state"][]): Message | undefined {
    return this.awaited.find(
      (message) =>
        packetIdentifierOf(message.sequence) === identifier &&
        message.qos === qos &&
        states.includes(message.state),
    );
  }

  rewind(): void {
    const { first } = this;
    for (const message of this.messages) if (message.state === "sent") message.state = "unsent";
    this.messages = this.messages.filter(({ sequence }) => sequence >= first);
    this.next = first;
  }
}

/** `which` chooses among the unacknowledged; beyond them, an identifier that is not in use. */
interface Answer {
  readonly kind: "puback" | "refuse" | "pubrec" | "pubcomp";
  readonly which: number;
}

type Step =
  | { readonly kind: "send"; readonly qos: 1 | 2; readonly bytes: number }
  | { readonly kind: "skip" | "rewind" | "restore" }
  | Answer;

const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      qos: fc.constantFrom(1 as const, 2 as const),
      bytes: fc.integer({ min: 1, max: 1000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("skip" as const, "rewind" as const, "restore" as const) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constantFrom("puback" as const, "refuse" as const, "pubrec" as const, "pubcomp" as const),
      which: fc.nat(20),
    }),
  },
);

/** Sends the next message as a session does: what is done is passed over, what is released gets its PUBREL. */
function sendNext(window: InflightWindow, model: NaiveWindow, qos: 1 | 2, bytes: number): void {
  expect(window.canSend).toBe(model.canSend);
  const known = model.next < model.sentBefore ? model.at(model.next) : undefined;
  expect(window.nextIsDone).toBe(known?.state === "done");
  expect(window.nextIsReleased).toBe(known?.state === "released");
  if (known?.state === "done") {
    window.passDone();
    model.next++;
  } else if (!model.canSend) {
    return;
  } else if (known?.state === "released") {
    expect(window.sendReleased()).toBe(packetIdentifierOf(model.next));
    model.next++;
  } else {
    const identifier = packetIdentifierOf(model.next);
    // An identifier is not used again before its message is done [MQTT-2.2.1-4].
    expect(model.awaited.map(({ sequence }) => packetIdentifierOf(sequence))).not.toContain(identifier);
    const message = { qos: known?.qos ?? qos, bytes: known?.bytes ?? bytes };
    expect(window.send(message.qos, message.bytes)).toBe(identifier);
    model.take(message.qos, message.bytes, "sent");
  }
}

function answer(window: InflightWindow, model: NaiveWindow, step: Answer): void {
  const { kind, which } = step;
  const identifier = packetIdentifierOf(model.awaited[which]?.sequence ?? model.next + which);
  if (kind === "pubrec") {
    const message = model.find(identifier, 2, "sent", "released");
    expect(window.release(identifier)).toBe(message !== undefined);
    if (message !== undefined) message.state = "released";
    return;
  }
  const message =
    kind === "puback"
      ? model.find(identifier, 1, "sent")
      : model.find(identifier, 2, kind === "refuse" ? "sent" : "released");
  const done =
    kind === "puback"
      ? window.acknowledge(identifier)
      : kind === "refuse"
        ? window.refuse(identifier)
        : window.complete(identifier);
  expect(done).toBe(message?.sequence ?? -1);
  if (message === undefined) return;
  expect(window.doneBytes).toBe(message.bytes);
  message.state = "done";
}

function restored(window: InflightWindow): InflightWindow {
  const { acknowledged, released } = window.saved();
  const copy = new InflightWindow(window.first, window.sentBefore);
  copy.restore(acknowledged, released);
  copy.limit = window.limit;
  expect(copy.saved()).toEqual({ acknowledged, released });
  return copy;
}

function apply(window: InflightWindow, model: NaiveWindow, step: Step): InflightWindow {
  if ("which" in step) answer(window, model, step);
  else if (step.kind === "send") sendNext(window, model, step.qos, step.bytes);
  else if (step.kind === "skip") {
    if (!model.canSend || window.nextIsDone || window.nextIsReleased) return window;
    window.skip();
    model.take(1, 0, "done");
  } else if (step.kind === "rewind") {
    window.rewind();
    model.rewind();
  } else {
    window.rewind();
    model.rewind();
    // Sizes are not stored: a restored window does not know those of what is released.
    for (const message of model.messages)
      if (message.state === "released") Object.assign(message, { bytes: 0 });
    return restored(window);
  }
  return window;
}

describe("InflightWindow", () => {
  test.each([0, IDENTIFIERS - 5, 3 * IDENTIFIERS - 2, 5_000_000_000])(
    "does as a list of messages would, from sequence number %d on",
    (first) => {
      fc.assert(
        fc.property(
          fc.array(arbitraryStep, { maxLength: 100, size: "max" }),
          fc.integer({ min: 1, max: 30 }),
          (steps, limit) => {
            let window = new InflightWindow(first, first);
            const model = new NaiveWindow(first);
            window.limit = model.limit = limit;
            for (const step of steps) {
              window = apply(window, model, step);
              expect(window.first).toBe(model.first);
              expect(window.next).toBe(model.next);
              expect(window.sentBefore).toBe(model.sentBefore);
              expect(window.inflight).toBe(model.awaited.length);
              expect([...window.unacknowledged()]).toEqual(
                model.awaited.map(({ sequence, qos }) => ({ sequence, qos })),
              );
            }
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  test("uses 65,535 identifiers and then waits for the first message", () => {
    const window = new InflightWindow(0, 0);
    window.limit = 65_535;
    const identifiers = new Set<number>();
    while (window.canSend) identifiers.add(window.send(1, 1));
    expect(identifiers.size).toBe(IDENTIFIERS);
    expect([Math.min(...identifiers), Math.max(...identifiers)]).toEqual([1, IDENTIFIERS]);
    // All but the first are acknowledged: its identifier is the next one's, so that nothing can be sent.
    for (let identifier = 2; identifier <= IDENTIFIERS; identifier++) window.acknowledge(identifier);
    expect([window.inflight, window.canSend]).toEqual([1, false]);
    expect(window.acknowledge(1)).toBe(0);
    expect([window.first, window.canSend, window.send(2, 1)]).toEqual([IDENTIFIERS, true, 1]);
  });

  test("saves in no time, however much has been queued behind it", () => {
    const window = new InflightWindow(0, 2 ** 40);
    expect(window.saved()).toEqual({ acknowledged: [], released: [] });
  });
});
