"""Drives Eclipse Paho for Python 1.6 by lines of JSON: commands on stdin, their results and all events on stdout.

The first command is "connect"; each gets one line {"result": ...} or {"error": ...}. Messages come as
{"message": ...}, the end of a connection as {"disconnected": reason code}.
"""

import base64
import json
import ssl
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}
TIMEOUT_SECONDS = 8

writing = threading.Lock()


def say(line):
    with writing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def to_properties(packet_type, values):
    """{"ResponseTopic": "a"} with the names of Paho; None where there are none."""
    if not values:
        return None
    properties = Properties(packet_type)
    for name, value in values.items():
        if name == "UserProperty":
            value = [tuple(pair) for pair in value]
        if name == "CorrelationData":
            value = value.encode()
        setattr(properties, name, value)
    return properties


def from_properties(properties):
    values = properties.json() if properties is not None else {}
    if "CorrelationData" in values:
        values["CorrelationData"] = bytes.fromhex(values["CorrelationData"]).decode()
    return values


def to_number(reason):
    return reason.value if hasattr(reason, "value") else reason


class Client:
    def __init__(self, command):
        self.version = command["version"]
        transport = "tcp" if command["protocol"].startswith("mqtt") else "websockets"
        session = {} if self.version == "5.0" else {"clean_session": command["cleanStart"]}
        self.mqtt = mqtt.Client(command["clientId"], protocol=VERSIONS[self.version], transport=transport, **session)
        if command["protocol"] in ("mqtts", "wss"):
            self.mqtt.tls_set(
                ca_certs=command["caFile"],
                certfile=command.get("certFile"),
                keyfile=command.get("keyFile"),
                cert_reqs=ssl.CERT_REQUIRED,
            )
        will = command.get("will")
        if will:
            properties = to_properties(PacketTypes.WILLMESSAGE, will.get("properties"))
            self.mqtt.will_set(will["topic"], will["payload"], will["qos"], will["retain"], properties)
        self.answer = None
        self.answered = threading.Event()
        self.mqtt.on_connect = self.on_connect
        self.mqtt.on_disconnect = self.on_disconnect
        self.mqtt.on_message = self.on_message
        self.mqtt.on_subscribe = self.on_subscribe
        self.mqtt.on_unsubscribe = self.on_unsubscribe

    def connect(self, command):
        """Again, too: what is in flight is kept. The thread of the connection before must not connect on its own."""
        self.mqtt.loop_stop()
        options = {}
        if self.version == "5.0":
            options["clean_start"] = command["cleanStart"]
            options["properties"] = to_properties(PacketTypes.CONNECT, command.get("properties"))
        self.mqtt.connect(command["host"], command["port"], 60, **options)
        self.mqtt.loop_start()
        return self.wait()

    def subscribe(self, command):
        if self.version == "5.0":
            options = SubscribeOptions(qos=command["qos"], **command.get("options", {}))
            properties = to_properties(PacketTypes.SUBSCRIBE, command.get("properties"))
            self.mqtt.subscribe(command["topicFilter"], options=options, properties=properties)
        else:
            self.mqtt.subscribe(command["topicFilter"], command["qos"])
        return self.wait()

    def unsubscribe(self, command):
        self.mqtt.unsubscribe(command["topicFilter"])
        return self.wait()

    def publish(self, command):
        """All of "payloads", one after the other without waiting; then waits for their acknowledgements."""
        properties = to_properties(PacketTypes.PUBLISH, command.get("properties"))
        infos = [
            self.mqtt.publish(command["topic"], payload, command["qos"], command["retain"], properties)
            for payload in command["payloads"]
        ]
        if command["wait"]:
            for info in infos:
                info.wait_for_publish(TIMEOUT_SECONDS)
                if not info.is_published():
                    raise TimeoutError("a publish was not acknowledged")
        return {}

    def disconnect(self, command):
        if self.version == "5.0" and "reasonCode" in command:
            reason = mqtt.ReasonCodes(PacketTypes.DISCONNECT, identifier=command["reasonCode"])
            self.mqtt.disconnect(reason, to_properties(PacketTypes.DISCONNECT, command.get("properties")))
        else:
            self.mqtt.disconnect()
        self.mqtt.loop_stop()
        return {}

    def wait(self):
        if not self.answered.wait(TIMEOUT_SECONDS):
            raise TimeoutError("the broker did not answer")
        self.answered.clear()
        return self.answer

    def answer_with(self, answer):
        self.answer = answer
        self.answered.set()

    def on_connect(self, _client, _userdata, flags, reason, properties=None):
        self.answer_with(
            {
                "sessionPresent": bool(flags["session present"]),
                "reasonCode": to_number(reason),
                "properties": from_properties(properties),
            }
        )

    def on_subscribe(self, _client, _userdata, _mid, granted, _properties=None):
        self.answer_with({"reasonCodes": [to_number(reason) for reason in granted]})

    def on_unsubscribe(self, _client, _userdata, _mid, _properties=None, reasons=None):
        reasons = reasons if isinstance(reasons, list) else [reasons]
        self.answer_with({"reasonCodes": [to_number(reason) for reason in reasons if reason is not None]})

    def on_disconnect(self, _client, _userdata, reason, _properties=None):
        say({"disconnected": to_number(reason)})

    def on_message(self, _client, _userdata, message):
        say(
            {
                "message": {
                    "topic": message.topic,
                    "payload": base64.b64encode(message.payload).decode(),
                    "qos": message.qos,
                    "retain": bool(message.retain),
                    "properties": from_properties(getattr(message, "properties", None)),
                }
            }
        )


def main():
    client = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            client = client or Client(command)
            say({"result": getattr(client, command["do"])(command)})
        except Exception as error:  # Whatever goes wrong is the test's to tell.
            say({"error": f"{type(error).__name__}: {error}"})


main()
