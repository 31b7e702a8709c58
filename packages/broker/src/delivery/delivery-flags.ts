import type { QoS } from "@dunlin/protocol";

/*
 * What one subscriber's delivery of a message asks for, as the inbox keeps it: the granted QoS, RETAIN as this
 * subscriber sees it, and a mark of the Shared Subscription that it came through.
 */
const QOS_BITS = 0x03;
const RETAIN = 0x04;
const SHARE_SHIFT = 3;
const SHARE_MARKS = 31;
const MARKED_CHARACTERS = 32;

export function deliveryFlags(qos: QoS, retain: boolean): number {
  return qos | (retain ? RETAIN : 0);
}

export function qosOf(flags: number): QoS {
  return (flags & QOS_BITS) as QoS;
}

export function retainOf(flags: number): boolean {
  return (flags & RETAIN) !== 0;
}

/** 0: it did not come through a Shared Subscription. */
export function shareMarkOf(flags: number): number {
  return flags >> SHARE_SHIFT;
}

/**
 * Tells most Shared Subscriptions of a session apart (1 to 31). Where two have the same mark and match the same topic,
 * a message may go to another member of the wrong one.
 */
export function shareMark(shareFilter: string): number {
  let hash = 0;
  const step = 1 + Math.floor(shareFilter.length / MARKED_CHARACTERS);
  for (let index = shareFilter.length - 1; index >= 0; index -= step) {
    hash = (hash * 31 + shareFilter.charCodeAt(index)) & 0xffffff;
  }
  return 1 + (hash % SHARE_MARKS);
}

/** `flags` of a message that came through it. */
export function withShareMark(flags: number, shareFilter: string | undefined): number {
  return shareFilter === undefined ? flags : flags | (shareMark(shareFilter) << SHARE_SHIFT);
}
