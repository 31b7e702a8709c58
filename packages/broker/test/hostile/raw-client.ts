import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type ConnectPacket,
  type ControlPacket,
  encodePacket,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  StreamDecoder,
} from "@dunlin/protocol";

/** A TCP connection that sends packets, or whatever else it likes. */
export class RawClient {
  readonly socket: Socket;
  version: ProtocolVersion = 5;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** Accepted by the broker. */
  static async connected(
    url: string,
    clientId: string,
    fields: Partial<Omit<ConnectPacket, "type">> = {},
  ): Promise<RawClient> {
    const client = await RawClient.open(url);
    client.connect(clientId, fields);
    const [answer] = (await once(client.socket, "data")) as [Buffer];
    if (answer[0] !== 0x20 || answer[3] !== 0)
      throw new Error(`${clientId} was refused: ${answer.toString("hex")}`);
    return client;
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  send(...packets: ControlPacket[]): void {
    this.write(Buffer.concat(packets.map((packet) => encodePacket(packet, this.version))));
  }

  connect(clientId: string, fields: Partial<Omit<ConnectPacket, "type">> = {}): void {
    this.version = fields.protocolVersion ?? 5;
    const defaults = { cleanStart: true, keepAliveSeconds: 0, properties: {} };
    this.send({ type: "CONNECT", protocolVersion: this.version, clientId, ...defaults, ...fields });
  }

  subscribe(topicFilter: string, qos: QoS): void {
    const rest = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = [{ topicFilter, qos, ...rest }];
    this.send({ type: "SUBSCRIBE", packetIdentifier: 1, subscriptions, properties: {} });
  }

  publish(fields: Partial<PublishPacket> & Pick<PublishPacket, "topicName">): void {
    const defaults = {
      payload: new Uint8Array(),
      qos: 0,
      retain: false,
      dup: false,
      properties: {},
    } as const;
    this.send({ type: "PUBLISH", ...defaults, ...fields });
  }

  /** Sends the same over and over, as fast as it leaves, until the other side closes. */
  async flood(burst: Uint8Array): Promise<void> {
    const { socket } = this;
    while (!socket.destroyed) {
      if (socket.write(burst)) continue;
      const waits = new AbortController();
      const { signal } = waits;
      await Promise.race([once(socket, "drain", { signal }), once(socket, "close", { signal })]).catch(
        () => {},
      );
      waits.abort();
    }
  }

  /** Answers each PUBLISH with QoS 1 at once, except for the first one that comes. */
  acknowledgeAllButFirst(): void {
    const decoder = new StreamDecoder({
      version: this.version,
      sender: "server",
      maximumPacketSize: 100_000,
    });
    let first: number | undefined;
    this.socket.on("data", (chunk: Buffer) => {
      const answers: ControlPacket[] = [];
      for (const packet of decoder.push(chunk)) {
        if (packet.type !== "PUBLISH") continue;
        const { packetIdentifier = 0 } = packet;
        first ??= packetIdentifier;
        if (packetIdentifier !== first)
          answers.push({ type: "PUBACK", packetIdentifier, reasonCode: 0, properties: {} });
      }
      if (answers.length > 0) this.send(...answers);
    });
  }

  /** Resolves once the other side has closed, whatever it says before. */
  async closed(): Promise<void> {
    this.socket.resume();
    if (!this.socket.destroyed) await once(this.socket, "close");
  }
}
