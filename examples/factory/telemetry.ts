/** What a machine tells of itself, as JSON on `factory/<line>/<machine>/telemetry`. */
export interface Telemetry {
  readonly temperature: number;
  readonly vibration: number;
}

export type Quantity = keyof Telemetry;
