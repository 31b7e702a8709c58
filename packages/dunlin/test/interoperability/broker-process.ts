import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createTestAuthority, missingOpenssl } from "@dunlin/test-kit";

const program = fileURLToPath(new URL("../../bin/dunlin.js", import.meta.url));

const transports = ["tcp", "ws", "tls", "wss", "tlsWithClientCertificate"] as const;
export type Transport = (typeof transports)[number];

/** Why tests of encrypted transports cannot run here; undefined where they can. */
export const missingCertificates: string | undefined = missingOpenssl();

/** PEM files below the broker's folder. */
export interface CertificateFiles {
  readonly ca: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** The broker as its users run it: a process started by the command line, with a store that outlives it. */
export class BrokerProcess {
  readonly certificates: CertificateFiles;
  readonly #folder = mkdtempSync(join(tmpdir(), "dunlin-interoperability-"));
  readonly #configFile: string;
  #child: ChildProcess | undefined;
  #urls: readonly string[] = [];

  /** `config` is merged into the configuration file, e.g. `{ limits: { receiveMaximum: 10 } }`. */
  constructor(config: object = {}) {
    this.certificates = {
      ca: join(this.#folder, "ca.pem"),
      clientCert: join(this.#folder, "client.pem"),
      clientKey: join(this.#folder, "client-key.pem"),
    };
    this.#configFile = join(this.#folder, "dunlin.yaml");
    const tls = missingCertificates === undefined ? this.#makeCertificates() : undefined;
    const encrypted = [
      { type: "tls", port: 0, tls },
      { type: "wss", port: 0, tls },
      { type: "tls", port: 0, tls: { ...tls, clientCertificate: "require" } },
    ];
    const listeners = [
      { type: "tcp", port: 0 },
      { type: "ws", port: 0 },
      ...(tls === undefined ? [] : encrypted),
    ];
    const data = join(this.#folder, "data");
    // JSON is YAML, too.
    writeFileSync(this.#configFile, JSON.stringify({ listeners, data, ...config }));
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, "start", "--quiet", "--config", this.#configFile], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const log: string[] = [];
    const running = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        if (!line.includes('"msg":"running"')) return;
        this.#urls = JSON.parse(line).listeners;
        resolve();
      });
      child.once("exit", (code) => reject(new Error(`the broker ended with ${code}:\n${log.join("\n")}`)));
    });
    await running;
  }

  /** Changes at every start: the ports are whichever are free. */
  url(transport: Transport): string {
    const url = this.#urls[transports.indexOf(transport)];
    if (url === undefined) throw new Error(`the broker has no listener for ${transport}`);
    return url;
  }

  /** SIGTERM drains; SIGKILL is a crash. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.end(signal);
    await this.start();
  }

  async remove(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #makeCertificates(): object {
    const authority = createTestAuthority();
    const server = authority.issue({ commonName: "localhost" });
    const client = authority.issue({ commonName: "device-7" });
    authority.remove();
    const [certFile, keyFile] = [join(this.#folder, "server.pem"), join(this.#folder, "server-key.pem")];
    writeFileSync(this.certificates.ca, authority.cert);
    writeFileSync(this.certificates.clientCert, client.cert);
    writeFileSync(this.certificates.clientKey, client.key);
    writeFileSync(certFile, server.cert);
    writeFileSync(keyFile, server.key);
    return { certFile, keyFile, caFile: this.certificates.ca };
  }
}
