import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Setup } from "./scenarios.ts";

export interface Broker {
  readonly name: string;
  /** As its maker numbers it. */
  readonly version: string;
  /** How it was set up, for the document. */
  readonly note: string;
  readonly speaksMqtt5: boolean;
  /** The command that starts it; undefined where it cannot do that. `folder` is empty and its own. */
  command(setup: Setup, port: number, folder: string): readonly string[] | undefined;
}

/** PEM files of a server on localhost. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const root = fileURLToPath(new URL("..", import.meta.url));
export const dunlinProgram: string = join(root, "packages", "dunlin", "bin", "dunlin.js");

export function dunlin(certificate: Certificate): Broker {
  return {
    name: "dunlin",
    version: dunlinVersion(),
    note: "as installed: durability disk, all limits on",
    speaksMqtt5: true,
    command(setup, port, folder) {
      const base = [process.execPath, dunlinProgram, "start", "--quiet"];
      const data = join(folder, "data");
      if (setup !== "tls") return [...base, "--port", String(port), "--data", data, "--log-level", "error"];
      const config = join(folder, "dunlin.yaml");
      const { certFile, keyFile } = certificate;
      const listener = { type: "tls", host: "127.0.0.1", port, tls: { certFile, keyFile } };
      // JSON is YAML.
      writeFileSync(config, JSON.stringify({ listeners: [listener], data, logging: { level: "error" } }));
      return [...base, "--config", config];
    },
  };
}

function dunlinVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, "packages", "dunlin", "package.json"), "utf8"));
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
    const changed =
      git("status", "--porcelain", "--untracked-files=no", "packages") === "" ? "" : ", with changes";
    return `${version} (${git("rev-parse", "--short", "HEAD")}${changed})`;
  } catch {
    return version;
  }
}

/** Undefined where it is not installed. */
export function mosquitto(certificate: Certificate): Broker | undefined {
  const program = ["mosquitto", "/usr/sbin/mosquitto"].find(
    (path) => spawnSync(path, ["-h"]).error === undefined,
  );
  if (program === undefined) return undefined;
  const [firstLine = ""] = spawnSync(program, ["-h"], { encoding: "utf8" }).stdout.split("\n");
  return {
    name: "mosquitto",
    version: firstLine.replace("mosquitto version ", ""),
    note: "max_queued_messages 0, for with its default of 1000 it loses QoS 1 messages in these loads; durable: persistence true, which does not wait for the disk",
    speaksMqtt5: true,
    command(setup, port, folder) {
      const config = join(folder, "mosquitto.conf");
      const { certFile, keyFile } = certificate;
      const lines = [
        `listener ${port} 127.0.0.1`,
        ...(setup === "tls" ? [`certfile ${certFile}`, `keyfile ${keyFile}`] : []),
        "allow_anonymous true",
        "max_queued_messages 0",
        "log_dest none",
        ...(setup === "durable" ? ["persistence true", `persistence_location ${folder}/`] : []),
        // Else it changes to a user who may not write to the folder.
        ...(process.getuid?.() === 0 ? ["user root"] : []),
      ];
      writeFileSync(config, `${lines.join("\n")}\n`);
      return [program, "-c", config];
    },
  };
}

export function aedes(certificate: Certificate): Broker {
  const manifest = join(root, "node_modules", "aedes", "package.json");
  return {
    name: "aedes",
    version: JSON.parse(readFileSync(manifest, "utf8")).version,
    note: "in memory, as it comes; it has no store of its own and speaks no MQTT 5.0",
    speaksMqtt5: false,
    command(setup, port) {
      if (setup === "durable") return undefined;
      const base = [process.execPath, join(root, "benchmarks", "aedes-broker.mjs"), String(port)];
      return setup === "tls" ? [...base, certificate.certFile, certificate.keyFile] : base;
    },
  };
}

/** One that was given as NAME=COMMAND, with {port} in it. */
export function foreignBroker(text: string): Broker {
  const at = text.indexOf("=");
  const command = text.slice(at + 1);
  if (at < 1 || !command.includes("{port}"))
    throw new Error(`"${text}" is not NAME=COMMAND with {port} in the command`);
  return {
    name: text.slice(0, at),
    version: "as given",
    note: `\`${command}\``,
    speaksMqtt5: true,
    command: (setup, port) =>
      setup === "plain" ? command.replaceAll("{port}", String(port)).split(" ") : undefined,
  };
}
