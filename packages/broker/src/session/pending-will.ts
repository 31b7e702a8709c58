/** A Will Message that is to be published when its client's connection ends [MQTT-3.1.2-8]. */
export interface PendingWill {
  /** An encoded message; its expiry is an interval in milliseconds. */
  readonly body: Uint8Array;
  readonly delayIntervalSeconds: number;
  /** Milliseconds since the epoch at which it is due; 0 while its client is connected. */
  publishAtMs: number;
}
