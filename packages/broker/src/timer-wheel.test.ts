import fc from "fast-check";
import { expect, test } from "vitest";
import { Timed, TimerWheel } from "./timer-wheel.ts";

const TIMERS = 8;
/** A small wheel, so that deadlines lie many turns ahead. */
const TICKS = 16;

class Alarm extends Timed {
  readonly #onFire: () => void;
  constructor(onFire: () => void) {
    super();
    this.#onFire = onFire;
  }
  override onDeadline(): void {
    this.#onFire();
  }
}

type Command =
  | { readonly kind: "schedule"; readonly timer: number; readonly inMs: number }
  | { readonly kind: "cancel"; readonly timer: number }
  | { readonly kind: "advance"; readonly ms: number };

const timer = fc.nat(TIMERS - 1);
const inMs = fc.integer({ min: -200, max: 9000 });
const change = fc.oneof(
  fc.record({ kind: fc.constant("schedule" as const), timer, inMs }),
  fc.record({ kind: fc.constant("cancel" as const), timer }),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  change,
  fc.record({
    kind: fc.constant("advance" as const),
    ms: fc.oneof(fc.integer({ min: 0, max: 350 }), fc.integer({ min: 0, max: 10_000 })),
  }),
);

test("fires like a sorted list of deadlines, whatever callbacks schedule and cancel", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 60, size: "max" }),
      // What the callback of each timer does when it fires, once.
      fc.array(fc.option(change, { nil: undefined }), { minLength: TIMERS, maxLength: TIMERS }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      (commands, reactions, startMs) => {
        const wheel = new TimerWheel(startMs, TICKS);
        const deadlines = new Map<number, number>();
        const pending = [...reactions];
        const change = (what: Command): void => {
          if (what.kind === "advance") return;
          if (what.kind === "schedule") {
            deadlines.set(what.timer, wheel.nowMs + Math.max(0, what.inMs));
            wheel.schedule(alarms[what.timer]!, wheel.nowMs + what.inMs);
          } else {
            deadlines.delete(what.timer);
            wheel.cancel(alarms[what.timer]!);
          }
        };
        const alarms = Array.from({ length: TIMERS }, (_, index) => {
          return new Alarm(() => {
            // Never early, never twice, never after it was cancelled.
            expect(deadlines.get(index)).toBeLessThanOrEqual(wheel.nowMs);
            deadlines.delete(index);
            const reaction = pending[index];
            pending[index] = undefined;
            if (reaction !== undefined) change(reaction);
          });
        });
        let nowMs = startMs;
        for (const each of commands) {
          change(each);
          if (each.kind !== "advance") continue;
          nowMs += each.ms;
          wheel.advance(nowMs);
          expect(wheel.nowMs).toBe(nowMs);
          // What a callback schedules for a time gone by waits for the next tick; nothing else is overdue.
          const reacted = pending.some((left, index) => left !== reactions[index]);
          const overdue = [...deadlines.values()].filter((due) => due <= nowMs - TimerWheel.tickMs);
          if (!reacted) expect(overdue).toEqual([]);
        }
        // Each may fire once more after each reaction.
        for (let round = 1; round <= TIMERS + 1; round++) wheel.advance(nowMs + round * 10_000);
        expect(deadlines.size).toBe(0);
      },
    ),
    { numRuns: 400 },
  );
});

test("time that goes back changes nothing", () => {
  const wheel = new TimerWheel(1000);
  let fired = 0;
  wheel.schedule(new Alarm(() => fired++), 1500);
  wheel.advance(1400);
  wheel.advance(900);
  expect([wheel.nowMs, fired]).toEqual([1400, 0]);
  wheel.advance(1500);
  expect(fired).toBe(1);
});
