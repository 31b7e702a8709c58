import { type BrokerLimits, defaultLimits } from "./options.ts";

/** How often each limit has bitten, by its name. */
export type LimitCounters = { -readonly [Limit in keyof BrokerLimits]: number };

/** What has happened since the broker started; plain numbers, so that counting costs nothing. */
export class Counters {
  bytesReceived = 0;
  bytesSent = 0;
  packetsReceived = 0;
  packetsSent = 0;
  /** PUBLISH packets. */
  publishReceived = 0;
  publishSent = 0;
  publishBytesReceived = 0;
  publishBytesSent = 0;
  /** Messages for one subscriber that it did not get, in all; the reasons follow. */
  messagesDropped = 0;
  droppedByCongestion = 0;
  droppedByQueueLimit = 0;
  droppedBySize = 0;
  droppedByExpiry = 0;
  /** QoS 0 for a session that is not connected. */
  droppedOffline = 0;
  connectionsAccepted = 0;
  /** For a limit. */
  connectionsRefused = 0;
  /** Before they could carry MQTT: TLS, PROXY header, WebSocket, or another protocol altogether. */
  connectionsFailed = 0;
  connectionsOpen = 0;
  connectionsMaximum = 0;
  clientsConnected = 0;
  sessionsExpired = 0;
  sessionsTakenOver = 0;
  protocolErrors = 0;
  keepAliveTimeouts = 0;
  /** PUBACK, PUBREC, PUBREL and PUBCOMP for a Packet Identifier that is not in use. */
  unexpectedAcknowledgements = 0;
  publishesDenied = 0;
  subscriptionsDenied = 0;
  /** Of lines that were alike and came within a second. */
  logLinesLeftOut = 0;
  wills = 0;
  /** Groups stored, and failed attempts to. */
  commits = 0;
  commitFailures = 0;
  /** How long groups took until they were stored, failed attempts and pauses included: what acknowledgements wait for. */
  commitMs = 0;
  readonly limits: LimitCounters;

  constructor() {
    this.limits = Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, 0])) as LimitCounters;
  }
}
