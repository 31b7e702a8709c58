// Accepts one connection of its own, and tells on what its bytes were read.
import { once } from "node:events";
import { connect } from "node:net";
import { tcpListener } from "@dunlin/broker";
import { ReceiverLog, StreamQueue } from "./stream-log.ts";

const listener = tcpListener({ port: 0 });
const streams = new StreamQueue();
await listener.start(streams.accept);
const client = connect(Number(new URL(listener.url).port), "127.0.0.1");
await once(client, "connect");
const log = new ReceiverLog();
log.onBytes = ({ buffer }) => {
  console.log(buffer.byteLength === 131_072 ? "without a socket" : "with a socket");
  client.destroy();
};
(await streams.next()).start(log);
client.write("bytes");
await log.closed();
await listener.stop();
