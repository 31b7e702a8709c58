import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";

test("advance calls back in order of time, at that time, again and again for intervals", () => {
  const clock = new FakeClock({ nowMs: 1000 });
  const calls: string[] = [];
  const note = (name: string) => () => calls.push(`${name}@${clock.monotonic()}/${clock.now()}`);
  clock.every(10, note("every"));
  clock.after(25, note("later"));
  clock.after(5, note("sooner"));
  clock.after(31, note("not yet"));
  clock.advance(30);
  expect(calls).toEqual([
    "sooner@5/1005",
    "every@10/1010",
    "every@20/1020",
    "later@25/1025",
    "every@30/1030",
  ]);
  expect(clock.now()).toBe(1030);
  expect(clock.pendingTimers).toBe(2);
});

test("a timer set while time passes is still met; a cancelled one is not", () => {
  const clock = new FakeClock();
  const calls: number[] = [];
  const cancel = clock.after(8, () => calls.push(-1));
  clock.after(5, () => {
    cancel();
    clock.after(2, () => calls.push(clock.monotonic()));
  });
  clock.advance(10);
  expect(calls).toEqual([7]);
  expect(clock.pendingTimers).toBe(0);
});

test("a jump of the time of day leaves timers and monotonic time alone", () => {
  const clock = new FakeClock({ nowMs: 1000 });
  let called = false;
  clock.after(10, () => {
    called = true;
  });
  clock.setNow(1_000_000);
  clock.advance(9);
  expect(called).toBe(false);
  expect(clock.now()).toBe(1_000_009);
  expect(clock.monotonic()).toBe(9);
});

test("turns end by themselves, or when told", async () => {
  const calls: string[] = [];
  new FakeClock().afterTurn(() => calls.push("microtask"));
  const manual = new FakeClock({ turns: "manual" });
  manual.afterTurn(() => {
    calls.push("first");
    manual.afterTurn(() => calls.push("second"));
  });
  await Promise.resolve();
  expect(calls).toEqual(["microtask"]);
  manual.runTurn();
  expect(calls).toEqual(["microtask", "first"]);
  manual.advance(0);
  expect(calls).toEqual(["microtask", "first", "second"]);
});
