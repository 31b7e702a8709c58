import { BrokerError } from "./errors.ts";
import type { AuthenticationMethod, Authenticator } from "./ports/authenticator.ts";
import type { Authorizer } from "./ports/authorizer.ts";
import type { Clock } from "./ports/clock.ts";
import type { Listener } from "./ports/listener.ts";
import { type Logger, silentLogger } from "./ports/logger.ts";
import type { PublishInterceptor } from "./ports/publish-interceptor.ts";
import type { Random } from "./ports/random.ts";
import type { Store } from "./ports/store.ts";
import type { SystemTopicService } from "./ports/system-topic-service.ts";

/** Limits that a listener may set for its own connections. `docs/limits.md` tells what happens at each. */
export interface ConnectionLimits {
  /** Connections open at once. */
  readonly maximumConnections: number;
  /** Connections open at once from one address. */
  readonly maximumConnectionsPerAddress: number;
  /** From the network connection to the end of CONNECT, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Size in bytes of the CONNECT packet; nothing else is read before it. */
  readonly maximumConnectPacketSize: number;
  /** Size in bytes of any packet that a client sends; told to MQTT 5.0 clients. */
  readonly maximumPacketSize: number;
  /** Size in bytes of any packet that a client sends, once connected, but PUBLISH. */
  readonly maximumNonPublishPacketSize: number;
  /** Keep Alive in seconds beyond which (or instead of 0) MQTT 5.0 clients get this as Server Keep Alive. */
  readonly maximumKeepAliveSeconds: number;
  /** QoS 1 and 2 publishes of a client that may be unacknowledged; told to MQTT 5.0 clients as Receive Maximum. */
  readonly receiveMaximum: number;
  /** Topic Aliases that a client may set. */
  readonly topicAliasMaximum: number;
  /** Topic Aliases that the broker sets for a client that allows them. */
  readonly outboundTopicAliasMaximum: number;
  /** QoS 1 and 2 messages sent to a client and not yet acknowledged, where its own Receive Maximum is not lower. */
  readonly maximumInflight: number;
  /** Bytes that wait for a client to read. Beyond it QoS 0 is dropped; beyond twice as much the connection is closed. */
  readonly maximumOutputBytes: number;
}

export interface BrokerLimits extends ConnectionLimits {
  /** Sessions, connected or not. */
  readonly maximumSessions: number;
  /** Session Expiry Interval in seconds that a client may have; 0xFFFFFFFF: for ever. */
  readonly maximumSessionExpiryIntervalSeconds: number;
  /** Bytes of Client Identifiers, Topic Filters and wills of all sessions together. */
  readonly maximumSessionStateBytes: number;
  /** Bytes of a Topic Name or Topic Filter. */
  readonly maximumTopicLength: number;
  readonly maximumTopicLevels: number;
  readonly maximumSubscriptionsPerSession: number;
  /** Messages of QoS 1 and 2 that wait for one session. */
  readonly maximumQueuedMessages: number;
  /** Bytes of messages of QoS 1 and 2 that wait for one session. */
  readonly maximumQueuedBytes: number;
  /** QoS 2 Packet Identifiers of a client between PUBLISH and PUBREL. */
  readonly maximumInboundQoS2: number;
  readonly maximumRetainedMessages: number;
  readonly maximumRetainedBytes: number;
  /** Topics whose routes are remembered. */
  readonly maximumCachedTopics: number;
  /** Bytes that all queues, output buffers and unfinished packets may hold together. */
  readonly memoryBudgetBytes: number;
  /** Bytes that wait to be stored; beyond it publishers of QoS 1 and 2 are not read from. */
  readonly maximumPendingCommitBytes: number;
  /** Bytes that are read from a client in one turn of the event loop; what more it sends waits for the next. */
  readonly maximumReadBytesPerTurn: number;
  /** PUBLISH packets of a client that are dealt with before the others' turn. */
  readonly maximumPublishesPerTurn: number;
  /** Milliseconds that a client's packets take before the others' turn. */
  readonly maximumReadMsPerTurn: number;
}

export const defaultLimits: BrokerLimits = {
  maximumConnections: 100_000,
  maximumConnectionsPerAddress: 50_000,
  connectTimeoutMs: 10_000,
  maximumConnectPacketSize: 256 * 1024,
  maximumPacketSize: 16 * 1024 * 1024,
  maximumNonPublishPacketSize: 256 * 1024,
  maximumKeepAliveSeconds: 65_535,
  receiveMaximum: 1024,
  topicAliasMaximum: 64,
  outboundTopicAliasMaximum: 64,
  maximumInflight: 8192,
  maximumOutputBytes: 4 * 1024 * 1024,
  maximumSessions: 1_000_000,
  maximumSessionExpiryIntervalSeconds: 0xffffffff,
  maximumSessionStateBytes: 256 * 1024 * 1024,
  maximumTopicLength: 65_535,
  maximumTopicLevels: 64,
  maximumSubscriptionsPerSession: 10_000,
  maximumQueuedMessages: 100_000,
  maximumQueuedBytes: 64 * 1024 * 1024,
  maximumInboundQoS2: 1024,
  maximumRetainedMessages: 1_000_000,
  maximumRetainedBytes: 256 * 1024 * 1024,
  maximumCachedTopics: 65_536,
  memoryBudgetBytes: 1024 * 1024 * 1024,
  maximumPendingCommitBytes: 64 * 1024 * 1024,
  maximumReadBytesPerTurn: 128 * 1024,
  // About a tenth of a millisecond.
  maximumPublishesPerTurn: 256,
  maximumReadMsPerTurn: 25,
};

export interface BrokerOptions {
  /** Where clients connect; none: only the embedding program publishes and subscribes. */
  readonly listeners?: readonly Listener[];
  /** Default: memory, which survives nothing. */
  readonly store?: Store;
  readonly limits?: Partial<BrokerLimits>;
  /** Default: everyone is accepted. */
  readonly authenticator?: Authenticator;
  readonly authenticationMethods?: readonly AuthenticationMethod[];
  /** Default: everything is allowed. */
  readonly authorizer?: Authorizer;
  readonly publishInterceptors?: readonly PublishInterceptor[];
  readonly systemTopicServices?: readonly SystemTopicService[];
  /** Seconds between `$SYS` publishes; 0: no `$SYS` topics. Default 10. */
  readonly sysIntervalSeconds?: number;
  /** Refuse a payload marked as UTF-8 that is not [MQTT 5.0, 3.3.2.3.2]. Default true. */
  readonly validatePayloadFormat?: boolean;
  /** What a client gets that asks for Response Information; `{clientId}` stands for its id. Default: nothing. */
  readonly responseInformation?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The parts of a broker that come from the platform where the options name none. */
export type PlatformDefaults = Required<Pick<BrokerOptions, "clock" | "random" | "store">>;

/** Options with every default in place. */
export interface ResolvedOptions
  extends Required<Omit<BrokerOptions, "authenticator" | "authorizer" | "limits">> {
  readonly limits: BrokerLimits;
  readonly authenticator: Authenticator | undefined;
  readonly authorizer: Authorizer | undefined;
}

/** Throws a BrokerError of code DUNLIN_OPTION for a limit that makes no sense. */
export function resolveOptions(options: BrokerOptions, platform: PlatformDefaults): ResolvedOptions {
  const limits = { ...defaultLimits, ...options.limits };
  checkLimits(limits);
  for (const listener of options.listeners ?? []) checkLimits({ ...limits, ...listener.limits });
  return {
    listeners: options.listeners ?? [],
    store: options.store ?? platform.store,
    limits,
    authenticator: options.authenticator,
    authenticationMethods: options.authenticationMethods ?? [],
    authorizer: options.authorizer,
    publishInterceptors: options.publishInterceptors ?? [],
    systemTopicServices: options.systemTopicServices ?? [],
    sysIntervalSeconds: options.sysIntervalSeconds ?? 10,
    validatePayloadFormat: options.validatePayloadFormat ?? true,
    responseInformation: options.responseInformation ?? "",
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? platform.clock,
    random: options.random ?? platform.random,
  };
}

/** What a limit may be; the broker refuses anything else. */
export interface LimitRange {
  readonly minimum: number;
  readonly maximum: number;
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;
const TWO_BYTES = 0xffff;
const FOUR_BYTES = 0xffffffff;
/** The largest packet that MQTT can express, fixed header included. */
const LARGEST_PACKET = 268_435_460;

function range(minimum: number, maximum: number): LimitRange {
  return { minimum, maximum };
}

export const limitRanges: Readonly<Record<keyof BrokerLimits, LimitRange>> = {
  maximumConnections: range(1, UNBOUNDED),
  maximumConnectionsPerAddress: range(1, UNBOUNDED),
  connectTimeoutMs: range(1, 0x7fffffff),
  maximumConnectPacketSize: range(16, LARGEST_PACKET),
  maximumPacketSize: range(16, LARGEST_PACKET),
  maximumNonPublishPacketSize: range(16, LARGEST_PACKET),
  maximumKeepAliveSeconds: range(1, TWO_BYTES),
  receiveMaximum: range(1, TWO_BYTES),
  topicAliasMaximum: range(0, TWO_BYTES),
  outboundTopicAliasMaximum: range(0, TWO_BYTES),
  // A window that spans all Packet Identifiers would use one twice.
  maximumInflight: range(1, TWO_BYTES - 1),
  maximumOutputBytes: range(1024, UNBOUNDED),
  maximumSessions: range(1, UNBOUNDED),
  maximumSessionExpiryIntervalSeconds: range(0, FOUR_BYTES),
  maximumSessionStateBytes: range(1024, UNBOUNDED),
  // The broker's own topics must fit.
  maximumTopicLength: range(64, TWO_BYTES),
  maximumTopicLevels: range(8, TWO_BYTES),
  maximumSubscriptionsPerSession: range(1, UNBOUNDED),
  maximumQueuedMessages: range(0, UNBOUNDED),
  maximumQueuedBytes: range(0, UNBOUNDED),
  maximumInboundQoS2: range(1, TWO_BYTES),
  maximumRetainedMessages: range(0, UNBOUNDED),
  maximumRetainedBytes: range(0, UNBOUNDED),
  maximumCachedTopics: range(1, UNBOUNDED),
  memoryBudgetBytes: range(1, UNBOUNDED),
  maximumPendingCommitBytes: range(1, UNBOUNDED),
  maximumReadBytesPerTurn: range(1, UNBOUNDED),
  maximumPublishesPerTurn: range(1, UNBOUNDED),
  maximumReadMsPerTurn: range(1, UNBOUNDED),
};

function checkLimits(limits: BrokerLimits): void {
  for (const [name, value] of Object.entries(limits) as [keyof BrokerLimits, number][]) {
    if (!(name in defaultLimits)) {
      throw new BrokerError("DUNLIN_OPTION", `there is no limit named ${name}; docs/limits.md lists them`);
    }
    const { minimum, maximum } = limitRanges[name];
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new BrokerError(
        "DUNLIN_OPTION",
        `limits.${name} is ${value}: it must be a whole number from ${minimum} to ${maximum}`,
      );
    }
  }
}
