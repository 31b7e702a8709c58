/** As JSON on `vehicles/<id>/position`. */
export interface Position {
  /** 1, 2, 3 ...: tells what is missing, and what comes again. */
  readonly sequence: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly speedKmh: number;
}
