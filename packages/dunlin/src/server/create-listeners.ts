import {
  type Listener,
  type TlsListener,
  type TlsSettings,
  tcpListener,
  tlsListener,
  unixListener,
  webSocketListener,
} from "@dunlin/broker";
import type { ListenerConfig, TlsConfig } from "../config/listener-schema.ts";
import { readTlsFiles } from "../config/tls-files.ts";

export interface ServerListeners {
  /** Not yet started, in the order of the configuration. */
  readonly all: readonly Listener[];
  /** Those with certificates, for which files may be renewed while they run. */
  readonly secure: readonly { readonly listener: TlsListener; readonly tls: TlsConfig }[];
}

/** The listeners of a checked configuration. */
export async function createListeners(configs: readonly ListenerConfig[]): Promise<ServerListeners> {
  const all: Listener[] = [];
  const secure: { listener: TlsListener; tls: TlsConfig }[] = [];
  for (const config of configs) {
    if (config.type === "tls" || config.type === "wss") {
      const { type, ...options } = config;
      const create = type === "tls" ? tlsListener : webSocketListener;
      const listener = create({ ...options, tls: await readTlsSettings(config.tls) });
      all.push(listener);
      secure.push({ listener, tls: config.tls });
    } else {
      all.push(createPlainListener(config));
    }
  }
  return { all, secure };
}

function createPlainListener(config: Exclude<ListenerConfig, { tls: TlsConfig }>): Listener {
  if (config.type === "unix") {
    const { type, mode, ...options } = config;
    return unixListener({ ...options, mode: Number.parseInt(mode, 8) });
  }
  const { type, ...options } = config;
  return type === "tcp" ? tcpListener(options) : webSocketListener(options);
}

/** In the form of the broker's listeners, which read no files. */
export async function readTlsSettings(tls: TlsConfig): Promise<TlsSettings> {
  const { certFile, keyFile, caFile, ...options } = tls;
  return { ...options, ...(await readTlsFiles(tls)) };
}
