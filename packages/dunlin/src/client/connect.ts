import type { Duplex } from "node:stream";
import {
  type ConnackPacket,
  type ConnectPacket,
  type ControlPacket,
  encodePacket,
  StreamDecoder,
} from "@dunlin/protocol";
import { ConnectionError, describeReason, describeReturnCode, RefusedError } from "./client-error.ts";
import { MqttClient } from "./mqtt-client.ts";
import { type BrokerAddress, openStream, portOf } from "./open-stream.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const MAXIMUM_PACKET_SIZE = 268_435_460;

export interface ConnectRequest {
  readonly address: BrokerAddress;
  readonly packet: ConnectPacket;
}

/**
 * Connects and waits for CONNACK. Throws a ConnectionError where there is no broker, and a RefusedError where there
 * is one that does not accept.
 */
export async function connect(
  { address, packet }: ConnectRequest,
  cancel?: AbortSignal,
): Promise<MqttClient> {
  const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  const signal = cancel === undefined ? timeout : AbortSignal.any([timeout, cancel]);
  const stream = await openStream(address, signal).catch((error: Error) => {
    throw new ConnectionError(`cannot connect to ${describeAddress(address.url)}: ${describeError(error)}`);
  });
  const version = packet.protocolVersion;
  const decoder = new StreamDecoder({ version, sender: "server", maximumPacketSize: MAXIMUM_PACKET_SIZE });
  try {
    stream.write(encodePacket(packet, version));
    const [first, ...rest] = await firstPackets(stream, decoder, signal);
    const connack = acceptedBy(first, packet);
    const client = new MqttClient({
      stream,
      decoder,
      version,
      connack,
      keepAliveSeconds: packet.keepAliveSeconds,
    });
    client.receive(rest);
    client.listen();
    return client;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function firstPackets(stream: Duplex, decoder: StreamDecoder, signal: AbortSignal): Promise<ControlPacket[]> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void): void => {
      stream.off("data", onData).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onTimeout);
      action();
    };
    const fail = (text: string): void => settle(() => reject(new ConnectionError(text)));
    const onData = (chunk: Buffer): void => {
      try {
        const packets = decoder.push(chunk);
        if (packets.length === 0) return;
        // What follows waits until the client listens.
        stream.pause();
        settle(() => resolve(packets));
      } catch (error) {
        fail(`the answer is not MQTT: ${(error as Error).message}`);
      }
    };
    const onError = (error: Error): void => fail(`the connection broke: ${describeError(error)}`);
    const onClose = (): void => fail("the broker closed the connection without an answer to CONNECT");
    const onTimeout = (): void => fail(`no answer to CONNECT within ${CONNECT_TIMEOUT_MS / 1000} s`);
    stream.on("data", onData).on("error", onError).on("close", onClose);
    signal.addEventListener("abort", onTimeout);
  });
}

function acceptedBy(packet: ControlPacket | undefined, connect: ConnectPacket): ConnackPacket {
  if (packet?.type === "CONNACK" && packet.reasonCode === 0) return packet;
  if (packet?.type === "CONNACK") {
    const { serverReference, reasonString } = packet.properties;
    // The broker may answer a version that it does not speak as one that it does [MQTT-3.1.2-2].
    const reason =
      packet.reasonCode < 0x80 || connect.protocolVersion < 5
        ? describeReturnCode(packet.reasonCode)
        : describeReason(packet.reasonCode, "CONNACK", reasonString);
    const elsewhere = serverReference === undefined ? "" : `; it points to ${serverReference}`;
    throw new RefusedError(`the broker refused the connection: ${reason}${elsewhere}`);
  }
  if (packet?.type === "AUTH") {
    throw new RefusedError("the broker wants an exchange of AUTH packets, which this command does not offer");
  }
  throw new ConnectionError(`the broker answered CONNECT with ${packet?.type}`);
}

function describeAddress(url: URL): string {
  return url.protocol === "unix:"
    ? `unix:${decodeURIComponent(url.pathname)}`
    : `${url.protocol}//${url.hostname}:${portOf(url)}`;
}

function describeError(error: Error): string {
  // A host name with several addresses gives an error for each.
  const cause: NodeJS.ErrnoException = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  switch (cause.code) {
    case "ECONNREFUSED":
      return "nothing listens there; is the broker running?";
    case "ENOENT":
      return "there is no such socket; is the broker running?";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host";
    case "ABORT_ERR":
      return `no answer within ${CONNECT_TIMEOUT_MS / 1000} s`;
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
    case "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE":
      return "the broker wants a client certificate; give one with --cert and --key";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `its certificate is not trusted (${cause.message}); name its authority with --cafile`;
    default:
      return cause.message;
  }
}
