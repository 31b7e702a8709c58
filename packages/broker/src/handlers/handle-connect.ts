import { type ConnectPacket, ReasonCode } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { AuthenticationRequest, AuthenticationResult, Authenticator } from "../ports/authenticator.ts";
import { admit } from "./admit.ts";
import type { Client } from "./client.ts";
import { startAuthentication } from "./run-authentication.ts";

const ASSIGNED_ID_DIGITS = 20;

/**
 * Checks a CONNECT and whom it comes from. With an Authentication Method, AUTH packets follow before CONNACK. Where
 * nobody has to be asked and nothing to be stored it is done at once: a promise would stop and start the reading.
 */
export function handleConnect(engine: Engine, client: Client, connect: ConnectPacket): void | Promise<void> {
  client.begin(connect);
  const clientId = clientIdOf(engine, client, connect);
  if (clientId === undefined) return;
  const method = connect.properties.authenticationMethod;
  if (method !== undefined) return startAuthentication(engine, client, method, clientId);
  if (engine.options.authenticator === undefined) {
    return admit(engine, client, { clientId, userName: connect.userName });
  }
  return admitIfAuthentic(engine, client, engine.options.authenticator, clientId);
}

async function admitIfAuthentic(
  engine: Engine,
  client: Client,
  authenticator: Authenticator,
  clientId: string,
): Promise<void> {
  const result = await authenticate(engine, authenticator, client.request(clientId));
  if (client.closed) return;
  if (!result.accepted) {
    const { reasonString, userProperties, serverReference } = result;
    const reason = reasonString ?? "refused by the authenticator";
    return client.refuse(result.reasonCode, reason, { reasonString, userProperties, serverReference });
  }
  await admit(engine, client, { clientId, userName: result.userName ?? client.connect.userName });
}

/** The Client Identifier as sent or as assigned; undefined where the client has been refused for it. */
function clientIdOf(engine: Engine, client: Client, connect: ConnectPacket): string | undefined {
  if (connect.clientId !== "") return connect.clientId;
  if (connect.protocolVersion === 3 || (connect.protocolVersion === 4 && !connect.cleanStart)) {
    client.refuse(
      ReasonCode.ClientIdentifierNotValid,
      "an empty Client Identifier needs MQTT 3.1.1 and Clean Session 1",
    );
    return undefined;
  }
  // Unique and hard to guess [MQTT-3.1.3-6, MQTT-3.2.2-16].
  return `auto-${engine.options.random.hex(ASSIGNED_ID_DIGITS)}`;
}

async function authenticate(
  engine: Engine,
  authenticator: Authenticator,
  request: AuthenticationRequest,
): Promise<AuthenticationResult> {
  try {
    return await authenticator.authenticate(request);
  } catch (error) {
    engine.options.logger.error({ error, clientId: request.clientId }, "the authenticator failed: refused");
    return {
      accepted: false,
      reasonCode: ReasonCode.ServerUnavailable,
      reasonString: "cannot authenticate now",
    };
  }
}
