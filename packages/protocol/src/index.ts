export * from "./packet-type.ts";
export * from "./packets.ts";
export * from "./protocol-error.ts";
export type * from "./protocol-version.ts";
export * from "./publish-view.ts";
export * from "./reason-code.ts";
