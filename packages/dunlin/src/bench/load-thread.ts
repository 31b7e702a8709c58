import { parentPort, workerData } from "node:worker_threads";
import { serveLoadWorker, type WorkerSetup } from "./worker-port.ts";

if (parentPort === null) throw new Error("load-thread is started as a worker thread only");
serveLoadWorker(parentPort, workerData as WorkerSetup);
