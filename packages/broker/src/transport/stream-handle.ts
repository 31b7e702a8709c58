import type { Server } from "node:net";

/** Bytes that one read can take. */
const READ_BUFFER_SIZE = 128 * 1024;

/** An accepted connection as Node's own sockets use it: the part of it that we use. Node documents none of it. */
export interface StreamHandle {
  /** Tells that something was read, or why nothing can be: `HandleIo.nread` says how much, or which error. */
  onread: (this: StreamHandle) => void;
  /** Bytes that the operating system has not yet taken. */
  readonly writeQueueSize: number;
  /** Reads go there from now on; who calls must keep it alive. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  /** Sends the end of the stream, once what was written has left. */
  shutdown(request: HandleRequest): number;
  close(onClosed: (this: StreamHandle) => void): void;
  getpeername?(address: { address?: string; port?: number }): number;
  setNoDelay?(on: boolean): number;
}

/** What the operating system does not take at once is a request, which Node keeps until it is done. */
export interface HandleRequest {
  handle?: StreamHandle;
  bytes?: Uint8Array;
  oncomplete?: (this: HandleRequest, status: number) => void;
}

interface StreamWrap {
  readonly WriteWrap: new () => HandleRequest;
  readonly ShutdownWrap: new () => HandleRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

interface ListeningHandle {
  onconnection: (this: ListeningHandle, status: number, accepted?: Partial<StreamHandle>) => void;
}

const METHODS = ["useUserBuffer", "readStart", "readStop", "writeBuffer", "shutdown", "close"] as const;

/** What all connections of a listener read and write by. */
export class HandleIo {
  readonly buffer: Uint8Array = Buffer.allocUnsafeSlow(READ_BUFFER_SIZE);
  readonly #wrap: StreamWrap;
  #unused: HandleRequest;

  constructor(wrap: StreamWrap) {
    this.#wrap = wrap;
    this.#unused = new wrap.WriteWrap();
  }

  /** Bytes of the last read; negative: an error. */
  get nread(): number {
    return this.#wrap.streamBaseState[this.#wrap.kReadBytesOrError]!;
  }

  /** The error, or 0. Where not all could be written at once, `onWritten` follows, and until then `bytes` must stay. */
  write(handle: StreamHandle, bytes: Uint8Array, onWritten: HandleRequest["oncomplete"]): number {
    const request = this.#unused;
    const error = handle.writeBuffer(request, bytes);
    if (error === 0 && !this.wasDelayed) return 0;
    // Node has it now, or had it.
    this.#unused = new this.#wrap.WriteWrap();
    if (error !== 0) return error;
    request.handle = handle;
    request.bytes = bytes;
    request.oncomplete = onWritten!;
    return 0;
  }

  /** Not all of the last write could be written at once. */
  get wasDelayed(): boolean {
    return this.#wrap.streamBaseState[this.#wrap.kLastWriteWasAsync] !== 0;
  }

  shutdown(handle: StreamHandle): number {
    const request = new this.#wrap.ShutdownWrap();
    request.oncomplete = ignore;
    return handle.shutdown(request);
  }
}

/**
 * Takes the connections that `server` accepts before it makes sockets of them: a socket costs more memory
 * than all that the broker keeps of an idle connection, and as much processor time as the rest of connecting. Where this
 * Node lacks any of what that needs, the server goes on to emit 'connection'. To be called once the server listens.
 */
export function acceptHandles(server: Server, onHandle: (handle: StreamHandle, io: HandleIo) => void): void {
  const listening = (server as { _handle?: Partial<ListeningHandle> | null })._handle;
  const usual = listening?.onconnection;
  const wrap = streamWrap();
  if (!listening || typeof usual !== "function" || wrap === undefined) return;
  const io = new HandleIo(wrap);
  listening.onconnection = function (status, accepted) {
    if (status !== 0 || !isUsable(accepted)) usual.call(this, status, accepted);
    else onHandle(accepted, io);
  };
}

function isUsable(handle: Partial<StreamHandle> | undefined): handle is StreamHandle {
  return handle !== undefined && METHODS.every((name) => typeof handle[name] === "function");
}

function streamWrap(): StreamWrap | undefined {
  try {
    const wrap = bindingOf("stream_wrap") as StreamWrap | undefined;
    const isComplete =
      typeof wrap?.WriteWrap === "function" &&
      typeof wrap.ShutdownWrap === "function" &&
      typeof wrap.streamBaseState?.[wrap.kReadBytesOrError] === "number" &&
      typeof wrap.streamBaseState[wrap.kLastWriteWasAsync] === "number";
    return isComplete ? wrap : undefined;
  } catch {
    // Node's permission model denies it.
    return undefined;
  }
}

/**
 * With --pending-deprecation Node warns of this call, and with --throw-deprecation the warning would end the process;
 * who runs it can do nothing about either.
 */
function bindingOf(name: string): unknown {
  const node = process as { binding?: (name: string) => unknown; noDeprecation?: boolean };
  const { noDeprecation = false } = node;
  node.noDeprecation = true;
  try {
    return node.binding?.(name);
  } finally {
    node.noDeprecation = noDeprecation;
  }
}

function ignore(): void {}
