import type { ClientIdentity } from "./authenticator.ts";
import type { InterceptedMessage } from "./publish-interceptor.ts";

/** What a service may send, to everyone who subscribed or to one client even without a subscription. */
export interface SystemTopicPublisher {
  publish(message: InterceptedMessage): void;
  /** False where the client is not connected and has no stored session. */
  publishTo(clientId: string, message: InterceptedMessage): boolean;
}

/** A service on a topic prefix that begins with `$`, such as `$aws/` or `$SYS/`: it sees all that goes on below it. */
export interface SystemTopicService {
  /** E.g. "$SYS/". Clients' publishes below it go to the service instead of to subscribers. */
  readonly prefix: string;
  start(publisher: SystemTopicPublisher): void;
  stop(): void;
  onPublish?(message: InterceptedMessage, client: ClientIdentity): void;
  onSubscribe?(topicFilter: string, client: ClientIdentity): void;
  onUnsubscribe?(topicFilter: string, client: ClientIdentity): void;
}
