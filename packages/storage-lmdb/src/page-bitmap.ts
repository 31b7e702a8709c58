/** Which pages of a data file have been met. */
export class PageBitmap {
  readonly #bits: Uint8Array;

  constructor(pages: number) {
    this.#bits = new Uint8Array((pages + 7) >> 3);
  }

  /** False where the page has been met before. */
  add(page: number): boolean {
    const bit = 1 << (page & 7);
    const byte = this.#bits[page >> 3] ?? 0xff;
    if (byte & bit) return false;
    this.#bits[page >> 3] = byte | bit;
    return true;
  }

  addRange(first: number, pages: number): boolean {
    for (let page = first; page < first + pages; page++) {
      if (!this.add(page)) return false;
    }
    return true;
  }
}
