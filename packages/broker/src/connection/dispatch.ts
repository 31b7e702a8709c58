import {
  decodeAcknowledgementView,
  decodePacket,
  decodePublishView,
  PacketType,
  ProtocolError,
  ReasonCode,
} from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Client } from "../handlers/client.ts";
import { handleDisconnect } from "../handlers/handle-disconnect.ts";
import { handlePuback } from "../handlers/handle-puback.ts";
import { handlePubcomp } from "../handlers/handle-pubcomp.ts";
import { handlePublish } from "../handlers/handle-publish.ts";
import { handlePubrec } from "../handlers/handle-pubrec.ts";
import { handlePubrel } from "../handlers/handle-pubrel.ts";
import { handleSubscribe } from "../handlers/handle-subscribe.ts";
import { handleUnsubscribe } from "../handlers/handle-unsubscribe.ts";
import { handleAuth } from "../handlers/run-authentication.ts";

/** Decodes a packet and gives it to its handler. A promise: nothing more is to be read until it settles. */
export function dispatch(
  engine: Engine,
  client: Client,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
): void | Promise<void> {
  const version = client.protocolVersion;
  const type = bytes[start]! >> 4;
  if (type === PacketType.PUBLISH) {
    const view = engine.publishView;
    decodePublishView(view, bytes, start, bodyStart, end, version, "client");
    return handlePublish(engine, client, view);
  }
  if (type >= PacketType.PUBACK && type <= PacketType.PUBCOMP) {
    const view = engine.acknowledgementView;
    decodeAcknowledgementView(view, bytes, start, bodyStart, end, version);
    if (type === PacketType.PUBACK) return handlePuback(engine, client, view);
    if (type === PacketType.PUBREC) return handlePubrec(engine, client, view);
    if (type === PacketType.PUBREL) return handlePubrel(engine, client, view);
    return handlePubcomp(engine, client, view);
  }
  // A rare packet may keep some of its bytes, as AUTH does.
  engine.arena.hold(bytes);
  const packet = decodePacket(bytes, start, bodyStart, end, version, "client");
  return dispatchRare(engine, client, packet);
}

function dispatchRare(
  engine: Engine,
  client: Client,
  packet: ReturnType<typeof decodePacket>,
): void | Promise<void> {
  switch (packet.type) {
    case "SUBSCRIBE":
      return handleSubscribe(engine, client, packet);
    case "UNSUBSCRIBE":
      return handleUnsubscribe(engine, client, packet);
    case "PINGREQ":
      return client.send({ type: "PINGRESP" }); // [MQTT-3.12.4-1]
    case "DISCONNECT":
      return handleDisconnect(engine, client, packet);
    case "AUTH":
      return handleAuth(engine, client, packet);
    case "CONNECT":
      throw new ProtocolError(ReasonCode.ProtocolError, "a second CONNECT", {
        packet: "CONNECT",
        clause: "MQTT-3.1.0-2",
      });
    default:
      throw new ProtocolError(ReasonCode.ProtocolError, `a client sent ${packet.type}`, {
        packet: packet.type,
      });
  }
}
