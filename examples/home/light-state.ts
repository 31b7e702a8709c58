/** As JSON on `home/<room>/light/state`; any part of it on `home/<room>/light/set`. */
export interface LightState {
  readonly on: boolean;
  /** Percent. */
  readonly brightness: number;
}
