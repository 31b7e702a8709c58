import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { plainAddress } from "./stream-origin.ts";

/**
 * The header of the PROXY protocol, versions 1 and 2, with which a proxy tells the address of its client. See
 * "The PROXY protocol", sections 2.1 and 2.2: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
export type ProxyHeader =
  | { readonly outcome: "incomplete" }
  | {
      readonly outcome: "complete";
      /** Bytes of the header; the client's own bytes follow. */
      readonly length: number;
      /** Undefined where the proxy speaks for itself (LOCAL) or does not know (UNKNOWN). */
      readonly source: ProxySource | undefined;
    }
  | { readonly outcome: "invalid"; readonly reason: string };

export interface ProxySource {
  /** IP address, or the path of a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
}

/** Bytes of a header with all its TLVs; the protocol itself would allow 65,551. */
export const MAXIMUM_PROXY_HEADER_SIZE: number = 16 * 1024;

const VERSION_1_PREFIX = Buffer.from("PROXY ");
/** With the CRLF. */
const VERSION_1_MAXIMUM_SIZE = 107;
const VERSION_2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const VERSION_2_FIXED_SIZE = 16;
const UNIX_PATH_SIZE = 108;
const INCOMPLETE: ProxyHeader = { outcome: "incomplete" };

/** Reads the header that all of a connection's `bytes` so far begin with. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsLike(bytes, VERSION_2_SIGNATURE)) return parseVersion2(bytes);
  if (beginsLike(bytes, VERSION_1_PREFIX)) return parseVersion1(bytes);
  return invalid("the connection does not begin with a PROXY header");
}

/** Whether `bytes` and `prefix` are the same as far as both go. */
function beginsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}

function parseVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, VERSION_1_MAXIMUM_SIZE).indexOf("\r\n");
  if (end < 0) return bytes.length < VERSION_1_MAXIMUM_SIZE ? INCOMPLETE : invalid("the line is too long");
  const length = end + 2;
  const [, family, address = "", destination = "", port = "", destinationPort = "", ...rest] = bytes
    .toString("latin1", 0, end)
    .split(" ");
  // Whatever follows UNKNOWN is to be ignored [2.1].
  if (family === "UNKNOWN") return { outcome: "complete", length, source: undefined };
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : undefined;
  if (isAddress === undefined) return invalid("the protocol is neither TCP4, TCP6 nor UNKNOWN");
  if (!isAddress(address) || !isAddress(destination)) return invalid(`an address is not one of ${family}`);
  if (!isPort(port) || !isPort(destinationPort) || rest.length > 0) return invalid("a port is not a number");
  return complete(length, family === "TCP6" ? canonicalIPv6(address) : address, Number(port));
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function parseVersion2(bytes: Buffer): ProxyHeader {
  if (bytes.length < VERSION_2_FIXED_SIZE) return INCOMPLETE;
  const versionAndCommand = bytes.readUInt8(12);
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    return invalid("the version is not 2, or the command neither LOCAL nor PROXY");
  }
  const length = VERSION_2_FIXED_SIZE + bytes.readUInt16BE(14);
  if (length > MAXIMUM_PROXY_HEADER_SIZE)
    return invalid(`it is longer than ${MAXIMUM_PROXY_HEADER_SIZE} bytes`);
  if (bytes.length < length) return INCOMPLETE;
  // A LOCAL header is the proxy's own connection, a health check; what it carries is to be ignored [2.2].
  if (versionAndCommand === 0x20) return { outcome: "complete", length, source: undefined };
  return parseAddresses(bytes.readUInt8(13), bytes.subarray(VERSION_2_FIXED_SIZE, length), length);
}

/** `block` holds source and destination, then TLVs that nobody here needs. */
function parseAddresses(family: number, block: Buffer, length: number): ProxyHeader {
  const tooShort = invalid("it is too short for its addresses");
  switch (family) {
    case 0x00: // UNSPEC
      return { outcome: "complete", length, source: undefined };
    case 0x11: // TCP over IPv4
      if (block.length < 12) return tooShort;
      return complete(length, block.subarray(0, 4).join("."), block.readUInt16BE(8));
    case 0x21: // TCP over IPv6
      if (block.length < 36) return tooShort;
      return complete(length, formatIPv6(block), block.readUInt16BE(32));
    case 0x31: {
      // Unix stream
      if (block.length < 2 * UNIX_PATH_SIZE) return tooShort;
      const path = block.toString("utf8", 0, UNIX_PATH_SIZE).replace(/\0.*$/s, "");
      // A client's socket rarely has a name.
      return path === "" ? { outcome: "complete", length, source: undefined } : complete(length, path, 0);
    }
    default:
      return invalid(`the address family 0x${family.toString(16).padStart(2, "0")} is not a stream's`);
  }
}

function formatIPv6(block: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16));
  return canonicalIPv6(groups.join(":"));
}

/** The form that sockets show, so that an address is the same whoever tells it. */
function canonicalIPv6(address: string): string {
  return plainAddress(new SocketAddress({ address, family: "ipv6" }).address);
}

function complete(length: number, address: string, port: number): ProxyHeader {
  return { outcome: "complete", length, source: { address, port } };
}

function invalid(reason: string): ProxyHeader {
  return { outcome: "invalid", reason };
}
