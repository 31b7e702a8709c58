export * from "./fake-clock.ts";
export * from "./memory-byte-stream.ts";
