import { type ProtocolError, ReasonCode, reasonName } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { StreamOrigin } from "../ports/byte-stream.ts";
import { StrangerError } from "./before-connack.ts";

/** Whom a line of the log is about. */
export interface Noted {
  readonly clientId: string;
  readonly origin: StreamOrigin;
  readonly listenerName: string;
  readonly established: boolean;
}

/** Logs and counts what a client did wrong. */
export function noteProtocolError(engine: Engine, client: Noted, error: ProtocolError): void {
  const { counters, clientLines } = engine;
  counters.protocolErrors++;
  if (error instanceof StrangerError) counters.connectionsFailed++;
  if (error.reasonCode === ReasonCode.PacketTooLarge) {
    counters.limits[client.established ? "maximumPacketSize" : "maximumConnectPacketSize"]++;
  } else if (error.reasonCode === ReasonCode.QuotaExceeded) counters.limits.maximumNonPublishPacketSize++;
  const { packet, offset, clause, message: reason, reasonCode } = error;
  const code = reasonName(reasonCode, "DISCONNECT");
  const broken = { packet, offset, clause, code, reason };
  clientLines.note("warn", { ...fieldsOf(client), ...broken }, "a client broke the protocol");
}

/** Logs and tells that a client may not connect. */
export function noteRefusal(engine: Engine, client: Noted, reasonCode: ReasonCode, reason: string): void {
  const { clientLines, events } = engine;
  const code = reasonName(reasonCode, "CONNACK");
  clientLines.note("info", { ...fieldsOf(client), code, reason }, "a client was refused");
  const { clientId, origin } = client;
  events.emit("clientRefused", { clientId, remoteAddress: origin.remoteAddress, reason });
}

export function noteConnected(engine: Engine, client: Noted): void {
  engine.options.logger.debug(fieldsOf(client), "a client connected");
}

export function noteDisconnected(engine: Engine, client: Noted, reason: string): void {
  engine.options.logger.debug({ ...fieldsOf(client), reason }, "a client disconnected");
}

/** Logs that the fault lies here. */
export function noteFailure(engine: Engine, client: Noted, error: unknown): void {
  engine.options.logger.error({ error, ...fieldsOf(client) }, "a handler failed");
}

function fieldsOf({ clientId, origin, listenerName }: Noted): object {
  return { clientId, remoteAddress: origin.remoteAddress, listener: listenerName };
}
