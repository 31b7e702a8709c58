import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { BrokerError } from "../errors.ts";
import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Listener, ListenerHost } from "../ports/listener.ts";
import { HandleByteStream } from "./handle-byte-stream.ts";
import { listenError } from "./listen.ts";
import { SocketByteStream } from "./socket-byte-stream.ts";
import { SocketServer } from "./socket-server.ts";
import type { HandleIo, StreamHandle } from "./stream-handle.ts";

/** Bytes of a path that every system can bind: macOS has room for 104 with the final zero. */
const MAXIMUM_PATH_SIZE = 103;

export interface UnixListenerOptions {
  /** Stands in logs, events and counters. Default "unix:{path}". */
  readonly name?: string;
  /** Where the socket is, at most 103 bytes. Made at start, removed at stop. */
  readonly path: string;
  /** Who may connect: the file mode of the socket. Default 0o600, this user only. */
  readonly mode?: number;
  /** What this listener allows otherwise than the broker's own limits. */
  readonly limits?: Partial<ConnectionLimits>;
}

/** A Unix socket, for clients on the same machine. */
export function unixListener(options: UnixListenerOptions): Listener {
  return new UnixListener(options);
}

class UnixListener implements Listener {
  readonly name: string;
  readonly limits: Partial<ConnectionLimits>;
  readonly #path: string;
  readonly #mode: number;
  readonly #server = new SocketServer();

  constructor(options: UnixListenerOptions) {
    const { path, name = `unix:${path}`, mode = 0o600, limits = {} } = options;
    if (path === "" || Buffer.byteLength(path) > MAXIMUM_PATH_SIZE) {
      const problem = `a path must have 1 to ${MAXIMUM_PATH_SIZE} bytes, not ${Buffer.byteLength(path)}`;
      throw new BrokerError("DUNLIN_OPTION", `listener "${name}": ${problem}; choose a shorter folder name`);
    }
    this.name = name;
    this.limits = limits;
    this.#path = path;
    this.#mode = mode;
  }

  get url(): string {
    return `unix://${this.#path}`;
  }

  async start(onConnection: (stream: ByteStream) => void, host?: ListenerHost): Promise<void> {
    const origin = { transport: "unix", remoteAddress: this.#path, remotePort: 0 } as const;
    await removeStaleSocket(this.name, this.#path);
    const onSocket = (socket: Socket): void => onConnection(new SocketByteStream(socket, origin, this));
    const onHandle = (handle: StreamHandle, io: HandleIo): void =>
      onConnection(new HandleByteStream(handle, io, origin, this));
    await this.#server.start(this.name, { path: this.#path }, onSocket, host, onHandle);
    // Until here the process's umask decides, which as a rule lets nobody else write to it, hence connect.
    await chmod(this.#path, this.#mode);
  }

  async stop(): Promise<void> {
    // Closing a bound socket removes its file.
    this.#server.stop();
  }
}

/** A process that was killed leaves its socket behind, to which nobody listens. */
async function removeStaleSocket(listenerName: string, path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (file === undefined) return;
  if (!file.isSocket()) {
    throw listenError(listenerName, `${path} is in the way and no socket; remove it or choose another path`);
  }
  if (await isListening(path)) return;
  await unlink(path).catch((cause: Error) => {
    const remedy = "remove it or choose another path";
    throw listenError(listenerName, `a stale socket is in the way (${cause.message}); ${remedy}`, cause);
  });
}

/** In doubt true: binding will tell. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}
