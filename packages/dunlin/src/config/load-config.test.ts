import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { defaultLimits } from "@dunlin/broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandError } from "../command-line/command-error.ts";
import { brokerLimitSpecs } from "./limit-specs.ts";
import { type ConfigRequest, loadConfig } from "./load-config.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function load(yaml: string | undefined, request: Partial<ConfigRequest> = {}): ReturnType<typeof loadConfig> {
  const file = yaml === undefined ? undefined : join(folder, "dunlin.yaml");
  if (file !== undefined) writeFileSync(file, yaml!);
  return loadConfig({ file, environment: {}, flags: [], ...request });
}

/** The lines of the error, without the folder. */
async function problems(yaml: string | undefined, request: Partial<ConfigRequest> = {}): Promise<string[]> {
  const error = await load(yaml, request).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommandError);
  expect((error as CommandError).exitCode).toBe(1);
  return (error as CommandError).lines.map((line) => line.replaceAll(`${folder}/`, ""));
}

describe("values", () => {
  test("without anything: one local listener, disk, the broker's own limits", async () => {
    const { listeners, data, durability, limits, allowAnonymous } = await load(undefined);
    expect(listeners).toEqual([{ type: "tcp", host: "127.0.0.1", port: 1883, proxyProtocol: false }]);
    expect({ data, durability, limits, allowAnonymous }).toEqual({
      data: resolve("data"),
      durability: "disk",
      limits: defaultLimits,
      allowAnonymous: undefined,
    });
  });

  test("an empty file is no configuration", async () => {
    expect(await load("# nothing\n")).toEqual(await load(undefined));
  });

  test("the command line goes over the environment, this over the file, the file over the defaults", async () => {
    const yaml =
      "listeners: [{ type: tcp, port: 1 }]\ndurability: os\nsysIntervalSeconds: 3\nlogging: { level: warn }";
    const config = await load(yaml, {
      environment: { DUNLIN_PORT: "2", DUNLIN_DURABILITY: "memory", DUNLIN_SYS_INTERVAL_SECONDS: "4" },
      flags: [{ path: ["listeners", 0, "port"], value: 3, source: "--port" }],
    });
    expect(config.listeners[0]).toMatchObject({ port: 3, host: "127.0.0.1" });
    expect(config).toMatchObject({ durability: "memory", sysIntervalSeconds: 4, logging: { level: "warn" } });
  });

  test.each([
    ["65536", 65_536],
    ["64KiB", 65_536],
    ["1.5 MiB", 1_572_864],
    ["1MB", 1_000_000],
  ])("a size may be %s", async (text, bytes) => {
    const { limits } = await load(`limits: { maximumPacketSize: ${text} }`, {
      environment: { DUNLIN_LIMITS_MAXIMUM_OUTPUT_BYTES: text },
    });
    expect(limits.maximumPacketSize).toBe(bytes);
    expect(limits.maximumOutputBytes).toBe(bytes);
  });

  test("a list comes from the environment as YAML", async () => {
    const { listeners } = await load(undefined, {
      environment: { DUNLIN_LISTENERS: "[{ type: ws, port: 0 }]", DUNLIN_PORT: "9" },
    });
    expect(listeners).toMatchObject([{ type: "ws", port: 9, path: "/mqtt" }]);
  });

  test("paths in the file start at its folder, others at the working directory", async () => {
    const yaml = "data: store\nlisteners: [{ type: unix, path: run/mqtt.sock }]";
    expect(await load(yaml)).toMatchObject({
      data: join(folder, "store"),
      listeners: [{ path: join(folder, "run/mqtt.sock") }],
    });
    expect((await load(yaml, { environment: { DUNLIN_DATA: "store" } })).data).toBe(resolve("store"));
  });

  test("a listener may have limits of its own", async () => {
    const { listeners } = await load("listeners: [{ type: tcp, limits: { maximumPacketSize: 1KiB } }]");
    expect(listeners[0]!.limits).toEqual({ maximumPacketSize: 1024 });
  });

  test("variables of others are left alone", async () => {
    await load(undefined, {
      environment: {
        DUNLIN_SERVICE_HOST: "10.0.0.1",
        DUNLIN_PORT_1883_TCP: "tcp://10.0.0.1:1883",
        DUNLIN_TEST_RUN: "1",
      },
    });
  });
});

describe("errors tell file, line, key and remedy, all of them", () => {
  test.each<[string, string[]]>([
    ["durabilty: os", ['dunlin.yaml:1:1: durabilty: unknown key; did you mean "durability"?']],
    [
      "durability: dsk",
      ['dunlin.yaml:1:13: durability: must be disk, os or memory, not "dsk"; did you mean "disk"?'],
    ],
    ["data:", ["dunlin.yaml:1:6: data: must be text, not empty"]],
    ["- data", ['dunlin.yaml:1:1: must be a mapping of keys, such as "data: ./data"']],
    ["data: a\ndata: b", ["dunlin.yaml:2:1: not valid YAML: Map keys must be unique"]],
    [
      "a: [1\nb: 2",
      [
        "dunlin.yaml:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
    ],
    [
      "logging:\n  levle: info\n  format: xml\nlimits: { maximumPaketSize: 1, receiveMaximum: 0, maximumOutputBytes: 1TB }",
      [
        'dunlin.yaml:2:3: logging.levle: unknown key; did you mean "level"?',
        'dunlin.yaml:3:11: logging.format: must be json or pretty, not "xml"',
        'dunlin.yaml:4:11: limits.maximumPaketSize: unknown key; did you mean "maximumPacketSize"?',
        "dunlin.yaml:4:48: limits.receiveMaximum: must be at least 1, not 0",
        'dunlin.yaml:4:71: limits.maximumOutputBytes: must be a number of bytes such as 65536 or "64KiB", not "1TB"',
      ],
    ],
    [
      "listeners:\n  - type: tpc\n  - port: 1\n  - { type: tcp, prt: 1, limits: { maximumSessions: 1 } }\n  - { type: tls }\n  - 5",
      [
        'dunlin.yaml:2:11: listeners[0].type: must be tcp, tls, ws, wss or unix, not "tpc"; did you mean "tcp"?',
        "dunlin.yaml:3:5: listeners[1].type: is missing; it must be tcp, tls, ws, wss or unix",
        'dunlin.yaml:4:18: listeners[2].prt: unknown key; did you mean "port"?',
        "dunlin.yaml:4:36: listeners[2].limits.maximumSessions: unknown key",
        "dunlin.yaml:5:5: listeners[3].tls: is missing; it must be a mapping of keys",
        "dunlin.yaml:6:5: listeners[4]: must be a mapping of keys, not 5",
      ],
    ],
    ["listeners: []", ["dunlin.yaml:1:12: listeners: must not be empty"]],
    [
      "listeners: [{ type: unix, path: a, mode: 0660 }]",
      ["dunlin.yaml:1:42: listeners[0].mode: must be text, not 660"],
    ],
    ["allowAnonymous: yes", ['dunlin.yaml:1:17: allowAnonymous: must be true or false, not "yes"']],
  ])("%j", async (yaml, lines) => {
    expect(await problems(yaml)).toEqual(lines);
  });

  test("a file that is not there, or a folder", async () => {
    const absent = { file: join(folder, "none.yaml"), environment: {}, flags: [] };
    expect(await problems(undefined, absent)).toEqual([
      "none.yaml: cannot read the configuration: there is no such file",
    ]);
    const [line] = await problems(undefined, { ...absent, file: folder });
    expect(line).toMatch(/: cannot read the configuration: it is a folder$/);
  });

  test("the environment and the command line are named as sources", async () => {
    const request = {
      environment: { DUNLIN_DURABILTY: "os", DUNLIN_PORT: "tcp://10.0.0.1:1883", DUNLIN_LISTENERS: "[" },
      flags: [{ path: ["logging", "level"], value: "loud", source: "--log-level" }],
    };
    expect(await problems(undefined, request)).toEqual([
      "environment variable DUNLIN_DURABILTY: unknown; did you mean DUNLIN_DURABILITY?",
      'environment variable DUNLIN_LISTENERS: listeners: must be a list, not "["',
      '--log-level: logging.level: must be debug, info, warn, error or silent, not "loud"',
    ]);
  });
});

describe("who may connect", () => {
  const open = "anyone who reaches this address could connect without credentials";

  test.each(["0.0.0.0", "::", "192.0.2.1", "broker.example.com"])(
    "%s needs the word allowAnonymous",
    async (host) => {
      const yaml = `listeners: [{ type: tcp, host: "${host}" }]`;
      const [line] = await problems(yaml);
      expect(line).toMatch(/^dunlin.yaml:1:32: listeners\[0\].host: /);
      expect(line).toContain(open);
      // Both remedies.
      expect(line).toContain("tls.clientCertificate: require");
      expect(line).toContain("allowAnonymous: true (--allow-anonymous)");
      expect((await load(`${yaml}\nallowAnonymous: true`)).allowAnonymous).toBe(true);
    },
  );

  test.each(["127.0.0.1", "127.9.9.9", "::1", "localhost"])("%s is this machine", async (host) => {
    await load(`listeners: [{ type: ws, host: "${host}" }]`);
  });

  test("allowAnonymous: false leaves a plain listener without clients", async () => {
    const [line] = await problems("allowAnonymous: false");
    expect(line).toMatch(
      /^dunlin.yaml:1:17: allowAnonymous: with false, nobody could connect to listeners\[0\]/,
    );
  });
});

test("two listeners cannot have one address", async () => {
  const yaml = [
    "listeners:",
    "  - { type: tcp, port: 1883 }",
    "  - { type: ws, port: 1883 }",
    "  - { type: tcp, port: 0 }",
    "  - { type: tcp, port: 0 }",
  ];
  expect(await problems(yaml.join("\n"))).toEqual([
    "dunlin.yaml:3:23: listeners[1].port: 127.0.0.1:1883 is taken by listeners[0] already; give it another one",
  ]);
});

test("every limit of the broker is a key", () => {
  expect(Object.keys(brokerLimitSpecs).sort()).toEqual(Object.keys(defaultLimits).sort());
});
