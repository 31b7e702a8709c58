import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { QoS } from "@dunlin/protocol";
import Paho from "paho-mqtt";
import { WebSocket } from "ws";
import type { ClientUnderTest, Message, OpenClient } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";

/**
 * Opens clients of npm's paho-mqtt, which is made for browsers: it takes WebSocket from the global scope, and here
 * gets one that trusts the authority of `caFile` and whose cable can be pulled.
 */
export function pahoJavaScriptOpener(caFile: string): OpenClient {
  let socket: WebSocket | undefined;
  class BrowserWebSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, url.startsWith("wss:") ? { ca: readFileSync(caFile) } : {});
      socket = this;
    }
  }
  Object.assign(globalThis, { WebSocket: BrowserWebSocket });

  return async ({ url, version, clientId, persistent = false, will, subscriptions = [] }) => {
    const client = new Paho.Client(url, clientId);
    const inbox = new Inbox<Message>();
    client.onMessageArrived = ({ destinationName, payloadString, qos, retained }) => {
      inbox.push({ topic: destinationName, payload: payloadString, qos, retain: retained });
    };
    await new Promise<void>((resolve, reject) => {
      client.connect({
        mqttVersion: version === "3.1" ? 3 : 4,
        mqttVersionExplicit: true,
        cleanSession: !persistent,
        ...(will !== undefined && { willMessage: toPahoMessage(will) }),
        onSuccess: () => resolve(),
        onFailure: ({ errorMessage }) => reject(new Error(errorMessage)),
      });
    });
    if (socket === undefined) throw new Error("Paho has made no WebSocket");
    const opened = new PahoJavaScript(client, socket, inbox);
    // It does not tell whether the session was there.
    for (const { topicFilter, qos } of subscriptions) await opened.subscribe(topicFilter, qos);
    return opened;
  };
}

class PahoJavaScript implements ClientUnderTest {
  readonly inbox: Inbox<Message>;
  readonly #client: Paho.Client;
  readonly #socket: WebSocket;
  readonly #sending = new Map<Paho.Message, () => void>();

  constructor(client: Paho.Client, socket: WebSocket, inbox: Inbox<Message>) {
    this.inbox = inbox;
    this.#client = client;
    this.#socket = socket;
    client.onMessageDelivered = (message) => {
      this.#sending.get(message)?.();
      this.#sending.delete(message);
    };
  }

  subscribe(topicFilter: string, qos: QoS): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.subscribe(topicFilter, {
        qos,
        onSuccess: () => resolve(),
        onFailure: () => reject(new Error(`no subscription to ${topicFilter}`)),
      });
    });
  }

  publish(message: Message): Promise<void> {
    const sent = toPahoMessage(message);
    return new Promise((resolve) => {
      this.#sending.set(sent, resolve);
      this.#client.send(sent);
    });
  }

  async end(): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#client.disconnect();
    await closed;
  }

  async cut(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, "close");
    this.#socket.terminate();
    await closed;
  }
}

function toPahoMessage({ topic, payload, qos, retain }: Message): Paho.Message {
  const message = new Paho.Message(payload);
  message.destinationName = topic;
  message.qos = qos;
  message.retained = retain;
  return message;
}
