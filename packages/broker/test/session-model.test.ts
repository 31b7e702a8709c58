import type { QoS } from "@dunlin/protocol";
import { settled, VirtualBroker } from "@dunlin/test-kit";
import fc from "fast-check";
import { test } from "vitest";
import type { ModelClient } from "./model-client.ts";
import { type ConnectChoice, ModelWorld } from "./model-world.ts";

const CLIENT_IDS = ["a", "b", "c", "d"];
const TOPICS = ["t", "t/u", "v"];
const FILTERS = ["t", "t/#", "+", "#", "v"];
const RUNS = 300;

type Needs = "anyone" | "connected" | "nothing";
type Action = (world: ModelWorld, client: ModelClient) => Promise<void>;

/** One step: what it needs of its client, and what it does. */
class Step {
  readonly #name: string;
  readonly #clientId: string;
  readonly #needs: Needs;
  readonly #act: Action;

  constructor(name: string, clientId: string, needs: Needs, act: Action) {
    this.#name = name;
    this.#clientId = clientId;
    this.#needs = needs;
    this.#act = act;
  }

  async run(world: ModelWorld): Promise<void> {
    const client = world.clients.get(this.#clientId) as ModelClient;
    if (this.#needs === "connected" && client.connection === undefined) return;
    await this.#act(world, client);
    await settled();
    world.expectWell();
  }

  /** How a failing example is printed. */
  [fc.toStringMethod](): string {
    return this.#needs === "nothing" ? this.#name : `${this.#clientId}: ${this.#name}`;
  }
}

const clientId = fc.constantFrom(...CLIENT_IDS);
const topic = fc.constantFrom(...TOPICS);
const filter = fc.constantFrom(...FILTERS);
const qos = fc.constantFrom<QoS>(0, 1, 2);
const choice: fc.Arbitrary<ConnectChoice> = fc.record({
  version: fc.constantFrom(4, 5),
  cleanStart: fc.oneof(
    { weight: 1, arbitrary: fc.constant(true) },
    { weight: 4, arbitrary: fc.constant(false) },
  ),
  persistent: fc.oneof(
    { weight: 3, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  pace: fc.constantFrom("prompt", "late"),
  receiveMaximum: fc.constantFrom(1, 3, 100),
});

const steps = {
  connect: fc
    .tuple(clientId, choice)
    .map(
      ([id, how]) => new Step(`connect ${JSON.stringify(how)}`, id, "anyone", (w, c) => w.connect(c, how)),
    ),
  subscribe: fc
    .tuple(clientId, filter, qos)
    .map(
      ([id, to, at]) => new Step(`subscribe ${to} ${at}`, id, "connected", (w, c) => w.subscribe(c, to, at)),
    ),
  unsubscribe: fc
    .tuple(clientId, filter)
    .map(([id, from]) => new Step(`unsubscribe ${from}`, id, "connected", (w, c) => w.unsubscribe(c, from))),
  publish: fc
    .tuple(clientId, topic, qos)
    .map(([id, to, at]) => new Step(`publish ${to} ${at}`, id, "connected", (w, c) => w.publish(c, to, at))),
  publishUnheard: fc
    .tuple(clientId, topic, qos)
    .map(
      ([id, to, at]) =>
        new Step(`publish unheard ${to} ${at}`, id, "connected", (w, c) => w.publishUnheard(c, to, at)),
    ),
  publishIntoCrash: fc
    .tuple(clientId, topic, qos)
    .map(
      ([id, to, at]) =>
        new Step(`publish into crash ${to} ${at}`, id, "connected", (w, c) => w.publishIntoCrash(c, to, at)),
    ),
  answer: fc
    .tuple(clientId, fc.integer({ min: 1, max: 6 }))
    .map(([id, count]) => new Step(`answer ${count}`, id, "connected", (w, c) => w.answer(c, count))),
  disconnect: clientId.map((id) => new Step("disconnect", id, "connected", (w, c) => w.disconnect(c))),
  cut: clientId.map((id) => new Step("cut", id, "connected", (w, c) => w.cut(c))),
  restart: fc.constant(new Step("restart", "a", "nothing", (w) => w.restart())),
  crash: fc.constant(new Step("crash", "a", "nothing", (w) => w.crash())),
  wait: fc.constant(new Step("wait", "a", "nothing", (w) => w.wait())),
};

const weights: { readonly [Name in keyof typeof steps]: number } = {
  connect: 8,
  subscribe: 6,
  unsubscribe: 2,
  publish: 20,
  publishUnheard: 2,
  publishIntoCrash: 1,
  answer: 6,
  disconnect: 2,
  cut: 3,
  restart: 1,
  crash: 1,
  wait: 2,
};

const step = fc.oneof(
  ...Object.entries(weights).map(([name, weight]) => ({
    weight,
    arbitrary: steps[name as keyof typeof steps],
  })),
);

test("every acknowledged message reaches every session that it was meant for, as its QoS promises", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120, size: "max" }), async (scenario) => {
      const virtual = await VirtualBroker.start();
      const world = new ModelWorld(virtual, CLIENT_IDS);
      for (const each of scenario) await each.run(world);
      await world.finish();
      await virtual.stop();
    }),
    { numRuns: RUNS },
  );
}, 60_000);
