import {
  type ConnackProperties,
  type ConnectPacket,
  ProtocolError,
  ReasonCode,
  validateUtf8,
} from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import { pump } from "../delivery/finish-delivery.ts";
import type { ClientIdentity } from "../ports/authenticator.ts";
import type { Client } from "./client.ts";
import { openSession, setWill } from "./open-session.ts";

const MAXIMUM_RECEIVE_MAXIMUM = 65_535;
const LONGEST_KEEP_ALIVE = 65_535;

/** What an accepted client is told beside the broker's own properties. */
export interface Admission {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array | undefined;
}

/** Opens the session, and sends CONNACK once it is stored; at once where it need not be. */
export function admit(engine: Engine, client: Client, admission: Admission): void | Promise<void> {
  const { clientId, userName } = admission;
  const { connect, origin, listenerName, protocolVersion } = client;
  const identity: ClientIdentity = { clientId, userName, protocolVersion, origin, listenerName };
  if (connect.will === undefined) return enter(engine, client, admission, identity);
  return enterWithWill(engine, client, admission, identity);
}

async function enterWithWill(
  engine: Engine,
  client: Client,
  admission: Admission,
  identity: ClientIdentity,
): Promise<void> {
  if (!(await willIsAllowed(engine, client, identity)) || client.closed) return;
  await enter(engine, client, admission, identity);
}

function enter(
  engine: Engine,
  client: Client,
  admission: Admission,
  identity: ClientIdentity,
): void | Promise<void> {
  const { connect } = client;
  const { clientId, userName } = admission;
  const opened = openSession(engine, connect, clientId);
  if (opened === "full") {
    return client.refuse(ReasonCode.QuotaExceeded, "the limit of sessions is reached");
  }
  const { session, present } = opened;
  const keepAliveSeconds = keepAliveOf(client, connect);
  session.userName = userName;
  session.expiresAtMs = 0;
  engine.wheel.cancel(session);
  setWill(engine, session, connect.will);
  session.window.limit = Math.min(
    connect.properties.receiveMaximum ?? MAXIMUM_RECEIVE_MAXIMUM,
    client.limits.maximumInflight,
  );
  session.window.rewind();
  session.inboundQoS2.resume();
  client.attach(session, identity, keepAliveSeconds);
  if (session.stored) engine.commits.putSession(session);
  const accept = (): void => acceptClient(engine, client, admission, present, keepAliveSeconds);
  // Also where CONNACK says that no earlier session is present.
  if (!session.stored && !engine.commits.isDeletionPending(clientId)) return accept();
  return engine.commits.stored().then(accept);
}

function acceptClient(
  engine: Engine,
  client: Client,
  admission: Admission,
  present: boolean,
  keepAliveSeconds: number,
): void {
  // Another connection may have taken the session over meanwhile.
  if (client.closed) return;
  const properties =
    client.protocolVersion === 5 ? connackProperties(engine, client, admission, keepAliveSeconds) : {};
  // In MQTT 3.1 the byte of Session Present is reserved.
  const sessionPresent = present && client.protocolVersion > 3;
  client.send({ type: "CONNACK", sessionPresent, reasonCode: ReasonCode.Success, properties });
  if (client.closed) return;
  client.accepted();
  engine.events.emit("clientConnected", { client: client.identity, sessionPresent: present });
  pump(engine, client.session);
}

/** A will is a publish that happens later: whoever may not publish it may not connect with it. */
async function willIsAllowed(engine: Engine, client: Client, identity: ClientIdentity): Promise<boolean> {
  const { authorizer, logger, validatePayloadFormat } = engine.options;
  const will = client.connect.will!;
  try {
    engine.topics.internName(will.topicName);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    client.refuse(ReasonCode.TopicNameInvalid, `the Will Topic: ${error.message}`);
    return false;
  }
  const isText = will.properties.payloadFormatIndicator === 1;
  if (isText && validatePayloadFormat && validateUtf8(will.payload, 0, will.payload.length) >= 0) {
    client.refuse(ReasonCode.PayloadFormatInvalid, "the Will Payload is not UTF-8, though it is marked so");
    return false;
  }
  if (will.topicName.startsWith("$SYS/")) {
    client.refuse(ReasonCode.NotAuthorized, "the Will Topic belongs to the broker");
    return false;
  }
  if (authorizer === undefined) return true;
  const { topicName: topic, qos, retain } = will;
  let allowed = false;
  try {
    allowed = await authorizer.authorize({ client: identity, action: "publish", topic, qos, retain });
  } catch (error) {
    logger.error({ error, clientId: identity.clientId }, "the authorizer failed: denied");
  }
  if (!allowed && !client.closed)
    client.refuse(ReasonCode.NotAuthorized, "not authorized to publish the Will Message");
  return allowed;
}

/** In seconds; 0: none. Only MQTT 5.0 clients can be told another one than they asked for. */
function keepAliveOf(client: Client, connect: ConnectPacket): number {
  const { maximumKeepAliveSeconds: maximum } = client.limits;
  const asked = connect.keepAliveSeconds;
  if (connect.protocolVersion < 5 || maximum >= LONGEST_KEEP_ALIVE) return asked;
  return asked === 0 ? maximum : Math.min(asked, maximum);
}

function connackProperties(
  engine: Engine,
  client: Client,
  admission: Admission,
  keepAliveSeconds: number,
): ConnackProperties {
  const { connect, limits, session } = client;
  const { options, counters } = engine;
  const { clientId, authenticationMethod, authenticationData } = admission;
  const asked = connect.properties;
  const expiryChanged = session.expiryIntervalSeconds !== (asked.sessionExpiryIntervalSeconds ?? 0);
  const keepAliveChanged = keepAliveSeconds !== connect.keepAliveSeconds;
  if (keepAliveChanged) counters.limits.maximumKeepAliveSeconds++;
  const wantsInformation = asked.requestResponseInformation === true; // [MQTT-3.1.2-28]
  return {
    sessionExpiryIntervalSeconds: expiryChanged ? session.expiryIntervalSeconds : undefined,
    receiveMaximum: limits.receiveMaximum < MAXIMUM_RECEIVE_MAXIMUM ? limits.receiveMaximum : undefined,
    maximumPacketSize: limits.maximumPacketSize,
    assignedClientIdentifier: connect.clientId === "" ? clientId : undefined,
    topicAliasMaximum: limits.topicAliasMaximum > 0 ? limits.topicAliasMaximum : undefined,
    serverKeepAliveSeconds: keepAliveChanged ? keepAliveSeconds : undefined,
    responseInformation: wantsInformation
      ? options.responseInformation?.replaceAll("{clientId}", clientId)
      : undefined,
    authenticationMethod,
    authenticationData,
  };
}
