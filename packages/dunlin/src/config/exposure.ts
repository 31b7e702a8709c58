import { isIPv4 } from "node:net";
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigPath, formatPath } from "./config-path.ts";
import type { ListenerConfig } from "./listener-schema.ts";

/** Whether only programs on this machine reach the listener. */
export function isLocal(listener: ListenerConfig): boolean {
  if (listener.type === "unix") return true;
  const { host } = listener;
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** Whether clients prove who they are: with a certificate, the one way there is so far. */
export function authenticatesClients(listener: ListenerConfig): boolean {
  return "tls" in listener && listener.tls.clientCertificate === "require";
}

/** Nobody is let in without credentials from another machine, unless that is written out. */
export function checkExposure(
  listener: ListenerConfig,
  path: ConfigPath,
  allowAnonymous: boolean | undefined,
): readonly ConfigIssue[] {
  if (authenticatesClients(listener) || allowAnonymous === true) return [];
  if (allowAnonymous === false) {
    const text =
      `with false, nobody could connect to ${formatPath(path)}: client certificates are the only credentials so far; ` +
      "give it tls.clientCertificate: require, or leave allowAnonymous out";
    return [{ path: ["allowAnonymous"], text }];
  }
  if (isLocal(listener)) return [];
  const text =
    "anyone who reaches this address could connect without credentials; listen on 127.0.0.1, " +
    "require client certificates (tls.clientCertificate: require), " +
    "or accept it with allowAnonymous: true (--allow-anonymous)";
  return [{ path: [...path, "host"], text }];
}
