/** Images in memory, as the tasks draw them and the image processor reads them. */

/** An 8-bit colour image. */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], row by row, red green blue. */
  data: Uint8Array;
}
