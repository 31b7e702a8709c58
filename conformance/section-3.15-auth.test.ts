import type { AuthenticationMethod, AuthenticationStep } from "@dunlin/broker";
import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { auth, connect, disconnect, packet, pingreq, publish } from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const notAuthorized = 0x87;
const badAuthenticationMethod = 0x8c;
const continueAuthentication = 0x18;
const reauthenticate = 0x19;

const text = (value: string): Uint8Array => Buffer.from(value);
const authenticationMethod = "RIDDLE";

/** Asks two questions; wants "one", then "two". An answer of "pass" is accepted at once, "never" is refused. */
const riddle: AuthenticationMethod = {
  name: authenticationMethod,
  begin() {
    let round = 0;
    return {
      step(data): AuthenticationStep {
        const answer = Buffer.from(data ?? []).toString();
        if (answer === "pass") return { outcome: "accepted", data: text("welcome") };
        const wanted = [undefined, "one", "two"][round];
        const wrong = answer === "never" || (wanted !== undefined && answer !== wanted);
        if (wrong) return { outcome: "refused", reasonCode: notAuthorized, reasonString: "wrong" };
        round += 1;
        if (round === 3) return { outcome: "accepted", data: text("welcome"), userName: "solver" };
        return { outcome: "continue", data: text(`question ${round}`) };
      },
    };
  },
};

describe("3.15 AUTH and 4.12 enhanced authentication", needsDunlin, () => {
  const broker = useBroker(embeddedBroker({ authenticationMethods: [riddle] }));
  const method = { authenticationMethod };
  const answer = (value: string) => ({ authenticationMethod, authenticationData: text(value) });

  /** A client that has been asked the first question. */
  async function asked(fields: Parameters<typeof connect>[0] = {}): Promise<RawClient> {
    const client = await broker.open();
    client.send(connect({ clientId: broker.name(), properties: method, ...fields }));
    expect(await client.expect("AUTH")).toMatchObject({ reasonCode: continueAuthentication });
    return client;
  }

  async function authenticated(fields: Parameters<typeof connect>[0] = {}): Promise<RawClient> {
    const client = await broker.open();
    client.send(connect({ clientId: broker.name(), properties: answer("pass"), ...fields }));
    expect((await client.expect("CONNACK")).reasonCode).toBe(0);
    return client;
  }

  it("MQTT-3.15.1-1 AUTH with other flags than 0000 is a Malformed Packet", async () => {
    for (const flags of [1, 2, 8, 15]) {
      const client = await authenticated();
      client.send(packet(0xf0 | flags, auth(reauthenticate, method).subarray(2)));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.15.2-1 an AUTH with a Reason Code outside its list, or not the client's, is refused", async () => {
    for (const reasonCode of [0x00, 0x01, 0x80, 0xff]) {
      const client = await authenticated();
      client.send(auth(reasonCode, method));
      await client.expectDisconnect(malformed, protocolError);
    }
  });

  it("MQTT-3.15.2-1 the server's AUTH has Continue authentication or Success", async () => {
    // The reader refuses other codes.
    const client = await asked();
    client.send(auth(continueAuthentication, answer("one")));
    expect((await client.expect("AUTH")).reasonCode).toBe(continueAuthentication);
    client.send(auth(continueAuthentication, answer("two")));
    await client.expect("CONNACK");
    client.send(auth(reauthenticate, answer("pass")));
    expect((await client.expect("AUTH")).reasonCode).toBe(0);
  });

  it("MQTT-3.15.2-2, MQTT-3.15.2-3 AUTH carries no reasons that make it too large", async () => {
    const maximumPacketSize = 60;
    const client = await asked({ properties: { ...method, maximumPacketSize } });
    client.send(auth(continueAuthentication, answer("one")));
    const packetFromServer = await client.expect("AUTH");
    expect(packetFromServer.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
    client.send(auth(continueAuthentication, answer("wrong")));
    const refusal = await client.expectRefusal(notAuthorized);
    expect(refusal.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
  });

  it("MQTT-4.12.0-1 an Authentication Method that the server does not know is refused", async () => {
    const client = await broker.open();
    client.send(connect({ properties: { authenticationMethod: "riddle" } }));
    await client.expectRefusal(badAuthenticationMethod);
  });

  it("MQTT-4.12.0-2 the server asks for more with AUTH 0x18 until it accepts", async () => {
    const client = await asked();
    client.send(auth(continueAuthentication, answer("one")));
    const second = await client.expect("AUTH");
    expect(second.reasonCode).toBe(continueAuthentication);
    expect(Buffer.from(second.properties.authenticationData ?? []).toString()).toBe("question 2");
    client.send(auth(continueAuthentication, answer("two")));
    const connack = await client.expect("CONNACK");
    expect(connack.reasonCode).toBe(0);
    expect(Buffer.from(connack.properties.authenticationData ?? []).toString()).toBe("welcome");
    await client.fence();
  });

  it("MQTT-4.12.0-3 the client's answer must be AUTH 0x18", async () => {
    for (const reasonCode of [0x00, reauthenticate]) {
      const client = await asked();
      client.send(auth(reasonCode, answer("one")));
      await client.expectRefusal(protocolError, malformed);
    }
  });

  it("MQTT-4.12.0-4 the server can refuse at any point", async () => {
    const atOnce = await broker.open();
    atOnce.send(connect({ properties: answer("never") }));
    await atOnce.expectRefusal(notAuthorized);
    const later = await asked();
    later.send(auth(continueAuthentication, answer("wrong")));
    await later.expectRefusal(notAuthorized);
  });

  it("MQTT-4.12.0-5 AUTH and CONNACK carry the method of CONNECT", async () => {
    const client = await broker.open();
    client.send(connect({ clientId: broker.name(), properties: method }));
    expect((await client.expect("AUTH")).properties).toMatchObject(method);
    client.send(auth(continueAuthentication, answer("one")));
    expect((await client.expect("AUTH")).properties).toMatchObject(method);
    client.send(auth(continueAuthentication, answer("two")));
    expect((await client.expect("CONNACK")).properties).toMatchObject(method);
    client.send(auth(reauthenticate, method));
    expect((await client.expect("AUTH")).properties).toMatchObject(method);
  });

  it("MQTT-4.12.0-5 an AUTH with another method, or none, is a Protocol Error", async () => {
    for (const properties of [{}, { authenticationMethod: "OTHER", authenticationData: text("one") }]) {
      const client = await asked();
      client.send(auth(continueAuthentication, properties));
      await client.expectRefusal(protocolError, badAuthenticationMethod);
    }
  });

  it("MQTT-4.12.0-6 without Authentication Method no AUTH comes, and no method in CONNACK", async () => {
    const { client, connack } = await broker.connectFully();
    expect(connack.properties.authenticationMethod).toBeUndefined();
    expect(connack.properties.authenticationData).toBeUndefined();
    await client.fence();
  });

  it("MQTT-4.12.0-7 an AUTH from a client that connected without method is a Protocol Error", async () => {
    for (const reasonCode of [continueAuthentication, reauthenticate]) {
      const client = await broker.connect();
      client.send(auth(reasonCode, method));
      await client.expectDisconnect(protocolError);
    }
  });

  it("MQTT-3.1.2-30 only AUTH or DISCONNECT may come before CONNACK in an authentication", async () => {
    const topicName = broker.name();
    for (const early of [pingreq(), publish({ topicName, retain: true, payload: "x" })]) {
      const client = await asked();
      client.send(early);
      await client.expectRefusal(protocolError);
    }
    const leaver = await asked();
    leaver.send(disconnect());
    await leaver.expectClosed();
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    await watcher.fence();
  });

  it("MQTT-4.12.1-1 a client can authenticate again, with the same method only", async () => {
    const client = await authenticated();
    client.send(auth(reauthenticate, method));
    expect((await client.expect("AUTH")).reasonCode).toBe(continueAuthentication);
    // The connection works on with the old authentication meanwhile.
    await client.fence();
    client.send(auth(continueAuthentication, answer("one")));
    await client.expect("AUTH");
    client.send(auth(continueAuthentication, answer("two")));
    expect((await client.expect("AUTH")).reasonCode).toBe(0);
    await client.fence();
    client.send(auth(reauthenticate, { authenticationMethod: "OTHER" }));
    await client.expectDisconnect(protocolError, badAuthenticationMethod);
  });

  it("MQTT-4.12.1-2 a re-authentication that fails ends the connection", async () => {
    const atOnce = await authenticated();
    atOnce.send(auth(reauthenticate, answer("never")));
    await atOnce.expectDisconnect(notAuthorized);
    const later = await authenticated();
    later.send(auth(reauthenticate, method));
    await later.expect("AUTH");
    later.send(auth(continueAuthentication, answer("wrong")));
    await later.expectDisconnect(notAuthorized);
  });
});
