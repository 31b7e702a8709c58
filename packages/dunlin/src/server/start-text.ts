import { authenticatesClients, isLocal } from "../config/exposure.ts";
import type { ListenerConfig } from "../config/listener-schema.ts";
import type { Config } from "../config/schema.ts";

const DURABILITY: Readonly<Record<Config["durability"], string>> = {
  disk: "what is acknowledged is stored and survives a power failure",
  os: "what is acknowledged survives a crash of the broker, not a power failure",
  memory: "NOTHING is stored; a restart loses all",
};

export interface StartTextInput {
  readonly version: string;
  readonly config: Config;
  /** Of the listeners, in the order of the configuration. */
  readonly urls: readonly string[];
  /** How the user calls this program, e.g. "npx dunlin". */
  readonly invocation: string;
}

/** What is printed once the broker runs: where it listens, what it keeps, how to try it, how to open it safely. */
export function startText({ version, config, urls, invocation }: StartTextInput): string {
  const width = Math.max(...urls.map((url) => url.length));
  const listening = urls.map((url, index) => {
    const label = index === 0 ? "Listening" : "";
    return `  ${label.padEnd(11)}${url.padEnd(width)}  ${whoGetsIn(config.listeners[index]!)}`;
  });
  const place = config.durability === "memory" ? "in memory" : config.data;
  return [
    `Dunlin ${version} is running; Ctrl-C stops it.`,
    "",
    ...listening,
    `  Data       ${place}  (durability ${config.durability}: ${DURABILITY[config.durability]})`,
    "",
    ...tryIt(urls[0]!, invocation),
    "",
    "Before other machines may connect: a listener of type tls with a certificate, and clients that prove who",
    "they are (tls.clientCertificate: require), with allowAnonymous: false. See docs/configuration.md.",
    "",
  ].join("\n");
}

function whoGetsIn(listener: ListenerConfig): string {
  if (authenticatesClients(listener)) return "clients with a certificate";
  if (isLocal(listener)) return "programs on this machine, without credentials";
  const encryption = "tls" in listener ? "" : ", unencrypted";
  return `ANYONE who reaches it, without credentials${encryption} (allowAnonymous: true)`;
}

function tryIt(url: string, invocation: string): string[] {
  const where = clientOptions(new URL(url));
  // mosquitto_sub before 2.1 speaks no WebSocket.
  const alternative = url.startsWith("ws") ? "" : " (mosquitto_sub and mosquitto_pub take the same options)";
  return [
    `Try it, in two terminals${alternative}:`,
    `  ${invocation} sub${where} -t 'demo/#' -v`,
    `  ${invocation} pub${where} -t demo/hello -m "hello, world"`,
  ];
}

/** How pub, sub and their Mosquitto counterparts are told where the broker is. */
function clientOptions(url: URL): string {
  if (url.protocol === "unix:") return ` --unix ${decodeURIComponent(url.pathname)}`;
  if (url.protocol.startsWith("ws")) return ` --url ${url.href}`;
  const isEverywhere = ["0.0.0.0", "[::]", "127.0.0.1", "localhost"].includes(url.hostname);
  const host = isEverywhere ? "" : ` -h ${url.hostname.replace(/^\[|\]$/g, "")}`;
  if (url.protocol === "mqtts:") return `${host} -p ${url.port} --cafile CA.pem`;
  return `${host}${url.port === "1883" ? "" : ` -p ${url.port}`}`;
}
