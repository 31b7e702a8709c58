const NEXT_TIMEOUT_MS = 8000;

/** What has come and is not yet taken; `next` waits for more. */
export class Inbox<Item> {
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  async next(): Promise<Item> {
    if (this.#items.length === 0) await this.#arrival();
    return this.#items.shift()!;
  }

  async take(count: number): Promise<Item[]> {
    const taken: Item[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** Takes all up to the one that `isLast` accepts, without it. */
  async takeUntil(isLast: (item: Item) => boolean): Promise<Item[]> {
    const taken: Item[] = [];
    for (;;) {
      const item = await this.next();
      if (isLast(item)) return taken;
      taken.push(item);
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing came within ${NEXT_TIMEOUT_MS} ms`)),
        NEXT_TIMEOUT_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
