// @dunlin/broker with streams that can be killed before, within and after what they send.
import { createBroker as createRealBroker } from "@dunlin/broker";
import { die, isDue, reach } from "./fail-point.mjs";
import { FrameTypes } from "./frame-types.mjs";

export * from "@dunlin/broker";

/** @typedef {import("@dunlin/broker").ByteStream} ByteStream */
/** @typedef {import("@dunlin/broker").ByteReceiver} ByteReceiver */
/** @typedef {import("@dunlin/broker").Listener} Listener */

/** @param {import("@dunlin/broker").BrokerOptions} options */
export function createBroker(options = {}) {
  return createRealBroker({ ...options, listeners: (options.listeners ?? []).map(withFailPoints) });
}

/** @param {Listener} listener @returns {Listener} */
function withFailPoints(listener) {
  /** @type {Listener["start"]} */
  const start = (onConnection, host) =>
    listener.start((stream) => onConnection(new FailingStream(stream)), host);
  return new Proxy(listener, {
    get(target, name) {
      if (name === "start") return start;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** @implements {ByteStream} */
class FailingStream {
  /** @type {ByteStream} */
  #stream;
  #sent = new FrameTypes();
  #received = new FrameTypes();

  /** @param {ByteStream} stream */
  constructor(stream) {
    this.#stream = stream;
  }

  get origin() {
    return this.#stream.origin;
  }
  get listener() {
    return this.#stream.listener;
  }
  get writableLength() {
    return this.#stream.writableLength;
  }

  /** @param {ByteReceiver} receiver */
  start(receiver) {
    this.#stream.start({
      onBytes: (bytes, start, end) => {
        const types = this.#received.push(bytes, start, end);
        receiver.onBytes(bytes, start, end);
        for (const type of types) reach(`received ${type}`);
      },
      onDrained: () => receiver.onDrained(),
      onClosed: (error) => receiver.onClosed(error),
    });
  }

  /** @param {Uint8Array} bytes @param {number} start @param {number} end */
  write(bytes, start, end) {
    const types = this.#sent.push(bytes, start, end);
    for (const type of types) {
      reach(`before ${type}`);
      if (isDue(`within ${type}`)) {
        this.#stream.write(bytes, start, start + Math.max(1, (end - start) >> 1));
        die();
      }
    }
    const isTaken = this.#stream.write(bytes, start, end);
    for (const type of types) reach(`after ${type}`);
    return isTaken;
  }

  pause() {
    this.#stream.pause();
  }
  resume() {
    this.#stream.resume();
  }
  end() {
    this.#stream.end();
  }
  destroy() {
    this.#stream.destroy();
  }
}
