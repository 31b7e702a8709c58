export * from "./fake-clock.ts";
export * from "./memory-byte-stream.ts";
export * from "./store-contract.ts";
export * from "./store-groups.ts";
export * from "./test-pki.ts";
