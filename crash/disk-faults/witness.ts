import type { PublishPacket } from "@dunlin/protocol";
import {
  type ConnectOptions,
  Device,
  type DeviceListener,
  type DeviceOptions,
  type OwnMessage,
  type StreamPosition,
} from "../device.ts";

/** A device that keeps what it is told. */
export class Witness implements DeviceListener {
  readonly device: Device;
  readonly acknowledged: string[] = [];
  readonly received: string[] = [];
  #published = 0;

  constructor(options: Partial<DeviceOptions> & Pick<DeviceOptions, "clientId">) {
    this.device = new Device({ version: 5, expirySeconds: 0, ...options }, this);
  }

  static async connected(
    port: number,
    options: Partial<DeviceOptions> & Pick<DeviceOptions, "clientId">,
  ): Promise<Witness> {
    const witness = new Witness(options);
    if ((await witness.device.connect(port)) === undefined)
      throw new Error(`${options.clientId}: no CONNACK`);
    return witness;
  }

  publish(topicName: string, qos: 0 | 1 | 2, bytes = 0, retain = false): string {
    const id = `${this.device.clientId}:${this.#published++}`;
    this.device.publish({ id, topicName, payload: Buffer.from(`${id} ${"x".repeat(bytes)}`), qos, retain });
    return id;
  }

  onMessage(
    _device: Device,
    { payload, topicName }: PublishPacket,
    _at: StreamPosition,
    isRepeated: boolean,
  ): void {
    if (isRepeated) return;
    const text = Buffer.from(payload).toString();
    this.received.push(topicName.startsWith("$SYS") ? `${topicName} ${text}` : (text.split(" ")[0] ?? ""));
  }

  onAcknowledged(_device: Device, { id }: OwnMessage, reasonCode: number): void {
    this.acknowledged.push(reasonCode < 0x80 ? id : `${id} refused ${reasonCode}`);
  }

  onConnect(_device: Device, _options: ConnectOptions): void {}
  onConnack(): void {}
  onSent(): void {}
  onDone(): void {}
  onFinished(): void {}
  onDisconnect(): void {}
  onClosed(): void {}
}
