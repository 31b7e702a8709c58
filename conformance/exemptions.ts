const bindsTheClient = "Binds the client, and a server cannot observe it.";

/** Clauses without a test, each with the reason. */
export const exemptions: ReadonlyMap<string, string> = new Map([
  ["MQTT-3.1.2-20", `${bindsTheClient} What the server does when no PINGREQ comes is MQTT-3.1.2-22.`],
  ["MQTT-3.2.2-4", bindsTheClient],
  ["MQTT-3.2.2-5", bindsTheClient],
  ["MQTT-3.2.2-10", "Binds servers that lack QoS 1 or 2. The broker always supports both (MQTT-3.2.2-9)."],
  [
    "MQTT-3.2.2-11",
    "Binds clients of servers that send a Maximum QoS. The broker never does (MQTT-3.2.2-9).",
  ],
  ["MQTT-3.2.2-12", "Binds servers that lack QoS 1 or 2. The broker always supports both (MQTT-3.1.2-12)."],
  [
    "MQTT-3.2.2-13",
    "Binds servers without retained messages. The broker always supports them (MQTT-3.1.2-15).",
  ],
  ["MQTT-3.2.2-14", "Binds clients of servers without retained messages. The broker always supports them."],
  ["MQTT-3.3.2-10", `${bindsTheClient} The server's side is MQTT-3.3.2-11 and MQTT-3.3.2-12.`],
  [
    "MQTT-3.3.4-5",
    "Binds servers that send a copy for each overlapping subscription. The broker sends one (MQTT-3.3.4-4).",
  ],
  ["MQTT-3.3.4-8", `${bindsTheClient} The server's side is MQTT-3.3.4-10.`],
  ["MQTT-4.5.0-2", `${bindsTheClient} That it then gets the message again is MQTT-4.4.0-1.`],
  [
    "MQTT311-3.1.2-1",
    "Allows a server to serve other protocol names by other specifications. That MQIsdp is MQTT 3.1 is MQTT31-protocol-name.",
  ],
  ["MQTT311-3.1.2-23", `${bindsTheClient} What the server does then is MQTT311-3.1.2-24.`],
  ["MQTT311-3.8.3-2", "Binds servers without wildcards. The broker always supports them (MQTT-4.7.1-1)."],
  ["MQTT311-3.14.4-1", bindsTheClient],
  [
    "MQTT311-4.8.0-2",
    "Asks for a close after a transient error inside an implementation, which no client can bring about.",
  ],
]);
