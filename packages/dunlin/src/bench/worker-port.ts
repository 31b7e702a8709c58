import { type EventEmitter, once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { ConnectionError, RefusedError } from "../client/client-error.ts";
import { LoadMemory } from "./load-memory.ts";
import type { LoadPlan } from "./load-plan.ts";
import { type ClientGroup, LoadWorker } from "./load-worker.ts";

export interface WorkerSetup {
  readonly plan: LoadPlan;
  readonly worker: number;
  readonly memory: SharedArrayBuffer;
}

export type WorkerCommand =
  | { readonly kind: "connect"; readonly group: ClientGroup; readonly cleanStart?: boolean }
  | { readonly kind: "leave"; readonly group: ClientGroup }
  | { readonly kind: "publish"; readonly startAt: number }
  | { readonly kind: "stop" }
  | { readonly kind: "finish" };

interface Answer {
  readonly error?: { readonly name: string; readonly message: string };
}

/** Does what comes through `port`, one command after the other, and answers each. */
export function serveLoadWorker(port: MessagePort, { plan, worker, memory }: WorkerSetup): LoadWorker {
  const loadWorker = new LoadWorker(plan, worker, new LoadMemory(plan.workers, plan.publishers, memory));
  port.on("message", (command: WorkerCommand) => {
    execute(loadWorker, command).then(
      () => port.postMessage({} satisfies Answer),
      ({ name, message }: Error) => port.postMessage({ error: { name, message } } satisfies Answer),
    );
  });
  return loadWorker;
}

async function execute(worker: LoadWorker, command: WorkerCommand): Promise<void> {
  switch (command.kind) {
    case "connect":
      return worker.connect(command.group, command.cleanStart);
    case "leave":
      return worker.leave(command.group);
    case "publish":
      return worker.publish(command.startAt);
    case "stop":
      return worker.stop();
    case "finish":
      return worker.finish();
  }
}

/** The main thread's end. */
export interface WorkerHandle {
  /** Rejects with a ConnectionError or RefusedError of the worker. */
  request(command: WorkerCommand): Promise<void>;
  /** At once, whatever is under way. */
  close(): Promise<void>;
}

/** A single worker runs in the main thread, several run in threads of their own. */
export function startWorker(setup: WorkerSetup): WorkerHandle {
  if (setup.plan.workers > 1) return startThread(setup);
  const { port1, port2 } = new MessageChannel();
  const loadWorker = serveLoadWorker(port2, setup);
  return {
    request: (command) => request(port1, command),
    close: async () => {
      port1.close();
      loadWorker.destroy();
    },
  };
}

function startThread(setup: WorkerSetup): WorkerHandle {
  // Under a loader for TypeScript, the thread is started from the source as well.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const thread = new Worker(new URL(`./load-thread.${extension}`, import.meta.url), { workerData: setup });
  return {
    request: (command) => request(thread, command),
    close: async () => {
      await thread.terminate();
    },
  };
}

async function request(port: MessagePort | Worker, command: WorkerCommand): Promise<void> {
  const answered = once(port as EventEmitter, "message");
  port.postMessage(command);
  const [{ error }] = (await answered) as [Answer];
  if (error === undefined) return;
  if (error.name === "RefusedError") throw new RefusedError(error.message);
  throw new ConnectionError(error.message);
}
