import { type AuthPacket, ProtocolError, ReasonCode } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { AuthenticationStep } from "../ports/authenticator.ts";
import { admit } from "./admit.ts";
import type { Client } from "./client.ts";

/** Begins the exchange of AUTH packets that CONNECT asks for [MQTT 5.0, 4.12]. */
export async function startAuthentication(
  engine: Engine,
  client: Client,
  methodName: string,
  clientId: string,
): Promise<void> {
  const method = engine.options.authenticationMethods.find((each) => each.name === methodName);
  if (method === undefined) {
    return client.refuse(
      ReasonCode.BadAuthenticationMethod,
      `no Authentication Method ${JSON.stringify(methodName)}`,
    );
  }
  const exchange = method.begin(client.request(clientId));
  client.authentication = { methodName, exchange, clientId };
  await runStep(engine, client, client.connect.properties.authenticationData);
}

/** Goes on with the exchange, or begins a re-authentication [MQTT-4.12.1-1]. */
export async function handleAuth(engine: Engine, client: Client, packet: AuthPacket): Promise<void> {
  const { authenticationMethod, authenticationData } = packet.properties;
  const agreed = client.authenticationMethod;
  if (agreed === undefined) {
    throw new ProtocolError(ReasonCode.ProtocolError, "AUTH without an Authentication Method in CONNECT", {
      packet: "AUTH",
      clause: "MQTT-4.12.0-7",
    });
  }
  if (authenticationMethod !== agreed) {
    throw new ProtocolError(
      ReasonCode.ProtocolError,
      "the Authentication Method differs from that of CONNECT",
      {
        packet: "AUTH",
        clause: "MQTT-4.12.0-5",
      },
    );
  }
  const running = client.authentication;
  if (packet.reasonCode === ReasonCode.Reauthenticate && running === undefined) {
    const { clientId } = client.identity;
    const method = engine.options.authenticationMethods.find((each) => each.name === agreed)!;
    client.authentication = {
      methodName: agreed,
      exchange: method.begin(client.request(clientId)),
      clientId,
    };
  } else if (packet.reasonCode !== ReasonCode.ContinueAuthentication || running === undefined) {
    throw new ProtocolError(ReasonCode.ProtocolError, "AUTH that no exchange is waiting for", {
      packet: "AUTH",
      clause: "MQTT-4.12.0-3",
    });
  }
  await runStep(engine, client, authenticationData);
}

async function runStep(engine: Engine, client: Client, data: Uint8Array | undefined): Promise<void> {
  const { exchange, methodName: authenticationMethod, clientId } = client.authentication!;
  let step: AuthenticationStep;
  try {
    step = await exchange.step(data);
  } catch (error) {
    engine.options.logger.error(
      { error, clientId, authenticationMethod },
      "an Authentication Method failed: refused",
    );
    step = {
      outcome: "refused",
      reasonCode: ReasonCode.ServerUnavailable,
      reasonString: "cannot authenticate now",
    };
  }
  if (client.closed) return;
  const established = client.established;
  if (step.outcome === "continue") {
    const properties = { authenticationMethod, authenticationData: step.data };
    client.send({ type: "AUTH", reasonCode: ReasonCode.ContinueAuthentication, properties });
    return;
  }
  client.authentication = undefined;
  if (step.outcome === "refused") {
    const reason = step.reasonString ?? "authentication failed";
    if (!established) return client.refuse(step.reasonCode, reason);
    return client.disconnect({ reasonCode: step.reasonCode, reason, byClient: false, withWill: true });
  }
  const authenticationData = step.data;
  if (established) {
    const properties = { authenticationMethod, authenticationData };
    client.send({ type: "AUTH", reasonCode: ReasonCode.Success, properties });
    return;
  }
  const userName = step.userName ?? client.connect.userName;
  await admit(engine, client, { clientId, userName, authenticationMethod, authenticationData });
}
