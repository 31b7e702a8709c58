export * from "./broker.ts";
export type { Counters, LimitCounters } from "./counters.ts";
export * from "./errors.ts";
export type { BrokerEvents } from "./events.ts";
export {
  type BrokerLimits,
  type BrokerOptions,
  type ConnectionLimits,
  defaultLimits,
  type LimitRange,
  limitRanges,
} from "./options.ts";
export type * from "./ports/authenticator.ts";
export type * from "./ports/authorizer.ts";
export type * from "./ports/byte-stream.ts";
export type * from "./ports/clock.ts";
export type * from "./ports/listener.ts";
export * from "./ports/logger.ts";
export type * from "./ports/publish-interceptor.ts";
export type * from "./ports/random.ts";
export type * from "./ports/store.ts";
export type * from "./ports/system-topic-service.ts";
export { createMemoryStore } from "./storage/memory-store.ts";
export * from "./transport/node-clock.ts";
export * from "./transport/node-random.ts";
export type { PortListenerOptions } from "./transport/port-server.ts";
export * from "./transport/tcp-listener.ts";
export * from "./transport/tls-listener.ts";
export type { Pem, TlsSettings } from "./transport/tls-settings.ts";
export * from "./transport/unix-listener.ts";
export * from "./transport/web-socket-listener.ts";
export { version } from "./version.ts";
