import type { Socket } from "node:net";

/** TLS hands out the contents of one record at a time, and those have at most so many bytes. */
const RECORD_BYTES = 16 * 1024;

type OnRead = (this: unknown, length: number, bytes: Uint8Array) => boolean;

/**
 * One buffer that all TLS sockets of a listener read into, which saves a tenth of the time that a message takes. Node
 * offers this (`onread`) for sockets that connect, not for those that a server makes: it keeps buffer and callback in
 * two properties of the socket that it does not document. Where this Node has others, the socket goes on with 'data'.
 */
export class TlsReadBuffer {
  readonly #buffer = Buffer.allocUnsafeSlow(RECORD_BYTES);

  /** To be called before anything has been read. `callback` gets the socket as `this`. */
  use(socket: Socket, callback: OnRead): void {
    const { _handle: handle } = socket as { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } };
    const symbols = Object.getOwnPropertySymbols(socket);
    const bufferKey = symbols.find(({ description }) => description === "kBuffer");
    const callbackKey = symbols.find(({ description }) => description === "kBufferCb");
    if (bufferKey === undefined || callbackKey === undefined || handle?.useUserBuffer === undefined) return;
    // What came before would be told after what comes now.
    if (socket.readableLength > 0) return;
    Object.assign(socket, { [bufferKey]: this.#buffer, [callbackKey]: callback });
    handle.useUserBuffer(this.#buffer);
  }
}
