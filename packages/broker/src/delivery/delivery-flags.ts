import type { QoS } from "@dunlin/protocol";

/*
 * What one subscriber's delivery of a message asks for, as the inbox keeps it: the granted QoS, and RETAIN
 * as this subscriber sees it.
 */
const QOS_BITS = 0x03;
const RETAIN = 0x04;

export function deliveryFlags(qos: QoS, retain: boolean): number {
  return qos | (retain ? RETAIN : 0);
}

export function qosOf(flags: number): QoS {
  return (flags & QOS_BITS) as QoS;
}

export function retainOf(flags: number): boolean {
  return (flags & RETAIN) !== 0;
}
