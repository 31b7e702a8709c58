import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runDunlin } from "./run-dunlin.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

test("--version tells the version of the package", async () => {
  expect(await runDunlin(["--version"])).toEqual({ exitCode: 0, stdout: `dunlin ${version}\n`, stderr: "" });
});

test.each([
  { args: ["--help"], holds: "dunlin pub -t TOPIC" },
  { args: ["start", "--help"], holds: "--check-config" },
  { args: ["help", "pub"], holds: "--stdin-line" },
  { args: ["sub", "--help"], holds: "--retained-only" },
])("$args prints help with exit codes", async ({ args, holds }) => {
  const { exitCode, stdout, stderr } = await runDunlin(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain(holds);
  expect(stdout).toContain("Exit codes:");
});

test.each([
  { args: ["sbu"], line: 'unknown command "sbu"; did you mean "sub"?' },
  { args: ["frobnicate"], line: 'unknown command "frobnicate"; see dunlin --help' },
  { args: ["constructor"], line: 'unknown command "constructor"; see dunlin --help' },
  { args: ["--prot", "1"], line: 'unknown option "--prot"; did you mean "--port"?' },
  { args: ["start", "--port", "x"], line: '--port must be a whole number from 0 to 65535, not "x"' },
  { args: ["start", "extra"], line: 'unexpected argument "extra"; see dunlin start --help' },
  {
    args: ["start", "--durability", "dsk"],
    line: '--durability must be one of disk, os, memory, not "dsk"; did you mean "disk"?',
  },
  { args: ["start", "--quiet=yes"], line: "--quiet takes no value" },
  { args: ["pub", "-m", "x"], line: "where to? give --topic TOPIC (-t)" },
  { args: ["pub", "-t", "a/#", "-m", "x"], line: '--topic "a/#" holds a wildcard' },
  {
    args: ["pub", "-t", "a"],
    line: "what? give one of --message, --file, --stdin-line, --stdin-file, --null-message",
  },
  { args: ["pub", "-t", "a", "-m", "x", "-n"], line: "--message and --null-message exclude each other" },
  { args: ["pub", "-t", "a", "-m"], line: "-m needs a value: -m TEXT" },
  { args: ["pub", "-t", "a", "-m", "x", "-q", "3"], line: '-q must be a whole number from 0 to 2, not "3"' },
  {
    args: ["pub", "-t", "a", "-m", "x", "-c"],
    line: "--disable-clean-session (-c) needs a Client Identifier: --id ID",
  },
  { args: ["pub", "-t", "a", "-m", "x", "--will-retain"], line: "--will-retain needs --will-topic" },
  {
    args: ["pub", "-t", "a", "-m", "x", "-V", "3.1", "--content-type", "t"],
    line: "properties need MQTT 5.0; leave out -V or the properties",
  },
  {
    args: ["pub", "-t", "a", "-m", "x", "-V", "3.1.1", "-P", "p"],
    line: "a password needs a user name before MQTT 5.0: --username NAME",
  },
  {
    args: ["pub", "-t", "a", "-m", "x", "-L", "http://a"],
    line: '--url "http://a" must begin with mqtt://, mqtts://, ws://, wss:// or unix://',
  },
  { args: ["sub"], line: "to what? give --topic FILTER (-t)" },
  { args: ["sub", "-t", "a#"], line: '--topic "a#" has a # that is not the whole last level' },
  { args: ["sub", "-t", "a", "-F", "%z"], line: 'unknown escape "%z"' },
  { args: ["sub", "-t", "a", "--no-local", "-V", "mqttv311"], line: "--no-local needs MQTT 5.0" },
])("$args is one line and exit code 2", async ({ args, line }) => {
  const { exitCode, stdout, stderr } = await runDunlin(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain(line);
  expect(stderr).toMatch(/^dunlin: [^\n]+\n$/);
});
