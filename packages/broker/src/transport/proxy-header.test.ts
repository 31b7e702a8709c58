import { describe, expect, test } from "vitest";
import { MAXIMUM_PROXY_HEADER_SIZE, type ProxySource, parseProxyHeader } from "./proxy-header.ts";

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");

function version2(versionAndCommand: number, family: number, block: Buffer, length = block.length): Buffer {
  const fixed = Buffer.from([versionAndCommand, family, length >> 8, length & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, block]);
}

const tcp4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0xc3, 0x50, 0x07, 0x5b]);
const ipv6 = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const tcp6 = ipv6(`2001 0db8 0000 0000 0000 0000 0000 0001 ${"0".repeat(31)}1 c350 075b`);
const mapped = ipv6(`0000 0000 0000 0000 0000 ffff c000 0201 ${"0".repeat(31)}1 c350 075b`);
const tlv = Buffer.from([0x05, 0, 3, 1, 2, 3]);
const unixPaths = (source: string): Buffer => {
  const block = Buffer.alloc(216);
  block.write(source, 0);
  block.write("/run/proxy.sock", 108);
  return block;
};

const good: [string, Buffer, ProxySource | undefined][] = [
  ["1 TCP4", Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883\r\n"), source("192.0.2.1", 50_000)],
  ["1 TCP6", Buffer.from("PROXY TCP6 2001:DB8::0:1 ::1 50000 1883\r\n"), source("2001:db8::1", 50_000)],
  ["1 TCP6, mapped", Buffer.from("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), source("192.0.2.1", 1)],
  ["1 UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  ["1 UNKNOWN with more", Buffer.from(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), undefined],
  ["2 TCP4", version2(0x21, 0x11, tcp4), source("192.0.2.1", 50_000)],
  ["2 TCP4 with TLVs", version2(0x21, 0x11, Buffer.concat([tcp4, tlv])), source("192.0.2.1", 50_000)],
  ["2 TCP6", version2(0x21, 0x21, tcp6), source("2001:db8::1", 50_000)],
  ["2 TCP6, mapped", version2(0x21, 0x21, mapped), source("192.0.2.1", 50_000)],
  ["2 UNIX", version2(0x21, 0x31, unixPaths("/run/client.sock")), source("/run/client.sock", 0)],
  ["2 UNIX without a name", version2(0x21, 0x31, unixPaths("")), undefined],
  ["2 UNSPEC", version2(0x21, 0x00, tlv), undefined],
  ["2 LOCAL", version2(0x20, 0x00, Buffer.alloc(0)), undefined],
  ["2 LOCAL with addresses", version2(0x20, 0x11, tcp4), undefined],
];

const bad: [string, Buffer | string, string][] = [
  ["an MQTT packet", Buffer.from([0x10, 0x0c, 0, 4, 0x4d]), "does not begin with"],
  ["small letters", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "does not begin with"],
  ["1 without end", `PROXY UNKNOWN ${"x".repeat(100)}`, "too long"],
  ["1 of another protocol", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "neither TCP4"],
  ["1 without protocol", "PROXY \r\n", "neither TCP4"],
  ["1 TCP4 with IPv6", "PROXY TCP4 ::1 ::1 1 2\r\n", "not one of TCP4"],
  ["1 TCP6 with IPv4", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "not one of TCP6"],
  ["1 with a host name", "PROXY TCP4 localhost 1.2.3.4 1 2\r\n", "not one of TCP4"],
  ["1 cut short", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "port"],
  ["1 with a leading zero", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "port"],
  ["1 with too high a port", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "port"],
  ["1 with too much", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "port"],
  ["1 with two blanks", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "not one of"],
  ["2 of version 1", version2(0x11, 0x11, tcp4), "version"],
  ["2 with an unknown command", version2(0x22, 0x11, tcp4), "version"],
  ["2 for datagrams", version2(0x21, 0x12, tcp4), "0x12"],
  ["2 of an unknown family", version2(0x21, 0x41, tcp4), "0x41"],
  ["2 TCP4 too short", version2(0x21, 0x11, tcp4.subarray(1)), "too short"],
  ["2 TCP6 too short", version2(0x21, 0x21, tcp4), "too short"],
  ["2 UNIX too short", version2(0x21, 0x31, tcp6), "too short"],
  ["2 too long", version2(0x21, 0x11, tcp4, MAXIMUM_PROXY_HEADER_SIZE), "longer than"],
];

function source(address: string, port: number): ProxySource {
  return { address, port };
}

describe("a PROXY header", () => {
  test.each(good)(
    "version %s is read, fed byte by byte, and nothing after it",
    (_title, header, expected) => {
      for (let length = 0; length < header.length; length++) {
        expect(parseProxyHeader(header.subarray(0, length))).toEqual({ outcome: "incomplete" });
      }
      const whole = { outcome: "complete", length: header.length, source: expected };
      expect(parseProxyHeader(header)).toEqual(whole);
      expect(parseProxyHeader(Buffer.concat([header, Buffer.from([0x10, 0x0d, 0x0a])]))).toEqual(whole);
    },
  );

  test.each(bad)("is refused: %s", (_title, bytes, reason) => {
    const header = Buffer.from(bytes);
    expect(parseProxyHeader(header)).toEqual({ outcome: "invalid", reason: expect.stringContaining(reason) });
    // What is invalid once stays so, whatever follows.
    const more = Buffer.concat([header, Buffer.alloc(300, 0x20)]);
    expect(parseProxyHeader(more)).toMatchObject({ outcome: "invalid" });
  });

  test("is refused at its first wrong byte", () => {
    expect(parseProxyHeader(Buffer.from("PRIX"))).toMatchObject({ outcome: "invalid" });
    expect(parseProxyHeader(Buffer.from("\r\n\r\nX"))).toMatchObject({ outcome: "invalid" });
  });
});
