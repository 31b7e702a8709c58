import { type DisconnectPacket, ProtocolError, ReasonCode, reasonName } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Client } from "./client.ts";
import { limitSessionExpiry } from "./open-session.ts";

/** The client leaves. */
export function handleDisconnect(engine: Engine, client: Client, packet: DisconnectPacket): void {
  const { session } = client;
  const { sessionExpiryIntervalSeconds: expiry } = packet.properties;
  if (expiry !== undefined) {
    if (session.expiryIntervalSeconds === 0 && expiry > 0) {
      throw new ProtocolError(
        ReasonCode.ProtocolError,
        "the Session Expiry Interval was 0 in CONNECT and cannot be set in DISCONNECT",
        { packet: "DISCONNECT", clause: "MQTT 5.0, 3.14.2.2.2" },
      );
    }
    session.expiryIntervalSeconds = limitSessionExpiry(engine, expiry);
  }
  client.disconnect({
    reasonCode: packet.reasonCode,
    reason: packet.properties.reasonString ?? reasonName(packet.reasonCode, "DISCONNECT"),
    byClient: true,
    withWill: packet.reasonCode !== ReasonCode.NormalDisconnection,
  });
}
