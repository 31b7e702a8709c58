import { createHash } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BrokerError } from "@dunlin/broker";

export const lockFileName = "lock.sock";
/** The address of a Unix socket is at most 104 bytes on some systems. */
const maximumSocketPath = 100;
const answerTimeoutMs = 1000;
/** Processes may race for what a killed one has left. */
const maximumAttempts = 3;

/**
 * Holds a folder for one process, by a local socket in it: the operating system closes it with the process, however
 * that ends, and it works across containers that share the folder, where process numbers mean nothing.
 */
export class FolderLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async acquire(folder: string): Promise<FolderLock> {
    const path = socketPath(folder);
    for (let attempt = 0; attempt < maximumAttempts; attempt++) {
      const server = await listen(path);
      if (server !== undefined) {
        if (process.platform !== "win32") chmodSync(path, 0o600);
        return new FolderLock(server);
      }
      const holder = await askHolder(path);
      if (holder !== undefined) throw inUse(folder, holder);
      // Nobody listens: it is left over from a process that was killed.
      rmSync(path, { force: true });
    }
    throw inUse(folder, "others who open it at this moment");
  }

  /** Also removes the socket. */
  async release(): Promise<void> {
    await new Promise((done) => this.#server.close(done));
  }
}

function socketPath(folder: string): string {
  const path = join(resolve(folder), lockFileName);
  const name = `dunlin-${createHash("sha256").update(path).digest("hex").slice(0, 32)}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  return Buffer.byteLength(path) <= maximumSocketPath ? path : join(tmpdir(), name);
}

/** Undefined where something listens there already, or did before it was killed. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.on("error", () => {}).end(`process ${process.pid}`));
    // Stays: a server that cannot accept later must not end the process.
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(undefined);
      else
        fail(
          new BrokerError("DUNLIN_STORE", `${path} cannot be locked (${error.message})`, { cause: error }),
        );
    });
    // Exclusive: workers of a cluster must not share it. Unreferenced: it keeps no process alive.
    server.listen({ path, exclusive: true }, () => done(server));
    server.unref();
  });
}

/** Who holds the socket; undefined: nobody. */
function askHolder(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    let answer: string | undefined = "another process";
    const socket = connect(path);
    socket.setTimeout(answerTimeoutMs, () => socket.destroy());
    socket.on("data", (data) => {
      answer = data.toString();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") answer = undefined;
    });
    socket.on("close", () => done(answer));
  });
}

function inUse(folder: string, holder: string): BrokerError {
  const remedy = "stop that, or choose another folder";
  return new BrokerError("DUNLIN_STORE", `The store ${folder} is in use by ${holder}: ${remedy}`);
}
