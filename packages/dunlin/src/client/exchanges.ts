import type {
  ControlPacket,
  PubackPacket,
  PubcompPacket,
  PubrecPacket,
  SubackPacket,
  UnsubackPacket,
} from "@dunlin/protocol";

/** A packet of the broker that answers one of ours. */
export type Answer = PubackPacket | PubrecPacket | PubcompPacket | SubackPacket | UnsubackPacket;

export function isAnswer(packet: ControlPacket): packet is Answer {
  switch (packet.type) {
    case "PUBACK":
    case "PUBREC":
    case "PUBCOMP":
    case "SUBACK":
    case "UNSUBACK":
      return true;
    default:
      return false;
  }
}

const LAST_PACKET_IDENTIFIER = 65_535;

interface Waiter {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Packet Identifiers in use, and who waits for the answer to each. */
export class Exchanges {
  private readonly maximumOpen: number;
  private readonly open = new Map<number, Waiter | undefined>();
  private readonly waitingForRoom: (() => void)[] = [];
  private lastIdentifier = 0;
  private failure: Error | undefined;

  constructor(maximumOpen: number) {
    this.maximumOpen = maximumOpen;
  }

  get isAnyOpen(): boolean {
    return this.open.size > 0;
  }

  /** A free Packet Identifier, once there are fewer than the maximum in use. Give it back with `close`. */
  async begin(): Promise<number> {
    while (this.open.size >= this.maximumOpen && this.failure === undefined) {
      await new Promise<void>((resolve) => this.waitingForRoom.push(resolve));
    }
    if (this.failure !== undefined) throw this.failure;
    do {
      this.lastIdentifier = (this.lastIdentifier % LAST_PACKET_IDENTIFIER) + 1;
    } while (this.open.has(this.lastIdentifier));
    this.open.set(this.lastIdentifier, undefined);
    return this.lastIdentifier;
  }

  /** The next answer with this identifier. Call it before the question leaves. */
  answerTo(packetIdentifier: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.failure === undefined) this.open.set(packetIdentifier, { resolve, reject });
      else reject(this.failure);
    });
  }

  onAnswer(answer: Answer): void {
    this.open.get(answer.packetIdentifier)?.resolve(answer);
  }

  close(packetIdentifier: number): void {
    this.open.delete(packetIdentifier);
    this.waitingForRoom.shift()?.();
  }

  /** No answer will come any more. */
  fail(error: Error): void {
    this.failure ??= error;
    for (const waiter of this.open.values()) waiter?.reject(error);
    for (const resume of this.waitingForRoom.splice(0)) resume();
  }
}
