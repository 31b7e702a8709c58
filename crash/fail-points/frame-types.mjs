const names = [
  "",
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "AUTH",
];

/** Tells which Control Packets begin in the bytes of one direction of a connection. */
export class FrameTypes {
  /** Bytes of the current packet that are still to come; -1: its Remaining Length is being read. */
  #left = 0;
  #length = 0;
  #shift = 0;

  /** @param {Uint8Array} bytes @param {number} start @param {number} end @returns {string[]} names, in order */
  push(bytes, start, end) {
    /** @type {string[]} */
    const types = [];
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, end - at);
        this.#left -= taken;
        at += taken;
      } else if (this.#left === 0) {
        types.push(names[/** @type {number} */ (bytes[at++]) >> 4] ?? "");
        this.#left = -1;
        this.#length = this.#shift = 0;
      } else {
        const byte = /** @type {number} */ (bytes[at++]);
        this.#length |= (byte & 0x7f) << this.#shift;
        this.#shift += 7;
        if (byte < 0x80) this.#left = this.#length;
      }
    }
    return types;
  }
}
