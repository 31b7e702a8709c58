import type { ListenOptions, Server } from "node:net";
import { BrokerError } from "../errors.ts";

/** Connections that the kernel may hold until they are accepted; it lowers this to what it allows itself. */
const BACKLOG = 4096;

/** Binds `server`; rejects with DUNLIN_LISTEN and one line that names the listener, the reason and the remedy. */
export function listen(server: Server, options: ListenOptions, listenerName: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListening = (): void => {
      server.off("error", onError);
      server.off("close", onClose);
      resolve();
    };
    const onError = (cause: NodeJS.ErrnoException): void => {
      const { path, host = "", port = 0 } = options;
      const where = path ?? formatHostAndPort(host, port);
      const reason = path === undefined ? explainPort(cause) : explainPath(cause);
      reject(listenError(listenerName, `cannot listen on ${where}: ${reason}`, cause));
    };
    const onClose = (): void => {
      reject(new BrokerError("DUNLIN_STATE", `listener "${listenerName}" was stopped while it started`));
    };
    server.once("error", onError);
    server.once("close", onClose);
    server.once("listening", onListening);
    server.listen({ backlog: BACKLOG, ...options });
  });
}

export function listenError(listenerName: string, problem: string, cause?: unknown): BrokerError {
  return new BrokerError("DUNLIN_LISTEN", `listener "${listenerName}": ${problem}`, { cause });
}

/** `host:port` as it stands in a URL. */
export function formatHostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function explainPort(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case "EADDRINUSE":
      return "the port is in use by another program or listener; stop that one or choose another port";
    case "EACCES":
      return "permission denied; choose a port of 1024 or more, or give this process the right to this one";
    case "EADDRNOTAVAIL":
      return "this machine has no such address; use one of its own, or 0.0.0.0 or :: for all of them";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name cannot be resolved; check its spelling or use an IP address";
    case "EAFNOSUPPORT":
      return "this machine does not support this kind of address; use an IPv4 address";
    default:
      return `${cause.message}; check host and port`;
  }
}

function explainPath(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case "EADDRINUSE":
      return "a program or listener is listening there; stop that one or choose another path";
    // A folder that does not exist is EACCES as well.
    case "EACCES":
    case "EPERM":
      return "its folder does not exist or may not be written to; create it, or give this process the right to it";
    default:
      return `${cause.message}; choose another path`;
  }
}
