/** What a client asked for with one Topic Filter: the record that the store keeps is the one that is routed by. */
export type { SubscriptionRecord as Subscription } from "../ports/store.ts";
