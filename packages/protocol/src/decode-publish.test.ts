import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf } from "../test/packet-notation.ts";
import { decodePropertyContent } from "./decode-properties.ts";
import { decodePublishView, readMessageProperties } from "./decode-publish.ts";
import { KnownBytes } from "./known-bytes.ts";
import { PacketCursor } from "./packet-cursor.ts";
import type { Sender } from "./packet-type.ts";
import { ProtocolError } from "./protocol-error.ts";
import { PublishView } from "./publish-view.ts";

function viewOf(notation: string, sender: Sender = "client"): PublishView {
  const view = new PublishView();
  const bytes = bytesOf(notation);
  decodePublishView(view, bytes, 0, 2, bytes.length, 5, sender);
  return view;
}

function reasonCodeOf(action: () => unknown): number {
  try {
    action();
    return 0;
  } catch (error) {
    if (error instanceof ProtocolError) return error.reasonCode;
    throw error;
  }
}

describe("decodePublishView", () => {
  test("gives offsets into the input", () => {
    const view = viewOf(`35 ~ "a/b" 1234 {01 01 02 00000100 23 0007 26 "a" "b"} 'payload'`);
    expect(view).toMatchObject({
      start: 0,
      end: 34,
      qos: 2,
      retain: true,
      dup: false,
      topicStart: 4,
      topicEnd: 7,
      packetIdentifier: 0x1234,
      packetIdentifierOffset: 7,
      propertiesStart: 10,
      propertiesEnd: 27,
      payloadStart: 27,
      payloadFormatIndicator: 1,
      messageExpiryIntervalSeconds: 256,
      messageExpiryOffset: 12,
      topicAlias: 7,
      topicAliasOffset: 17,
    });
  });

  test("forgets the packet before", () => {
    const view = viewOf(`32 ~ "a" 0001 {01 01 02 00000100 23 0007} ''`);
    const bytes = bytesOf(`30 ~ "b" 'x'`);
    decodePublishView(view, bytes, 0, 2, bytes.length, 4, "client");
    expect(view).toEqual(
      Object.assign(new PublishView(), {
        bytes,
        end: 6,
        topicStart: 4,
        topicEnd: 5,
        packetIdentifierOffset: 5,
        propertiesStart: 5,
        propertiesEnd: 5,
        payloadStart: 5,
      }),
    );
  });

  test("leaves the characters of the Topic Name alone", () => {
    expect(viewOf("30 ~ 0002 2bff {} 'x'")).toMatchObject({ topicStart: 4, topicEnd: 6 });
  });

  test("readMessageProperties decodes the block", () => {
    const { bytes, propertiesStart, propertiesEnd } = viewOf(
      `30 ~ "a" {0b 05 26 "a" "b" 0b 06} ''`,
      "server",
    );
    expect(readMessageProperties(bytes, propertiesStart, propertiesEnd)).toStrictEqual({
      subscriptionIdentifiers: [5, 6],
      userProperties: [["a", "b"]],
    });
  });

  test("what the server may send and a client not is not remembered", () => {
    const view = new PublishView(new KnownBytes());
    const bytes = bytesOf(`30 ~ "a" {0b 05} ''`);
    decodePublishView(view, bytes, 0, 2, bytes.length, 5, "server");
    expect(() => decodePublishView(view, bytes, 0, 2, bytes.length, 5, "client")).toThrow("Subscription");
  });

  test("checks properties as the general decoder does", () => {
    const text = fc.constantFrom(`""`, `"a"`, `"a/+"`, "0001 ff", "0001 00", "0009 61");
    const arbitraryProperty = fc.oneof(
      fc.constantFrom(
        "01 00",
        "01 01",
        "01 02",
        "02 00000001",
        "02 00",
        "0b 01",
        "0b 00",
        "0b 8000",
        "0b ff",
      ),
      fc.constantFrom("23 0001", "23 0000", "23 00", "21 0001", "11 00000000", "00", "2b", "80 01"),
      text.map((value) => `03 ${value}`),
      text.map((value) => `08 ${value}`),
      text.map((value) => `09 ${value}`),
      fc.tuple(text, text).map(([name, value]) => `26 ${name} ${value}`),
    );
    let accepted = 0;
    const views = [new PublishView(), new PublishView(new KnownBytes())];
    fc.assert(
      fc.property(
        fc.array(arbitraryProperty, { maxLength: 4 }),
        fc.constantFrom<Sender>("client", "server"),
        (list, sender) => {
          const bytes = bytesOf(`30 ~ "a" {${list.join(" ")}}`);
          const cursor = new PacketCursor("PUBLISH", bytes, 0, 6, bytes.length);
          const decoded = reasonCodeOf(() => decodePropertyContent(cursor, bytes.length, "PUBLISH", sender));
          // Twice, as the second time one of them may know the block.
          for (const view of [...views, ...views]) {
            const viewed = reasonCodeOf(() => decodePublishView(view, bytes, 0, 2, bytes.length, 5, sender));
            expect(viewed).toBe(decoded);
          }
          if (decoded > 0) return;
          const [plain, remembering] = views.map(({ knownProperties, ...fields }) => fields);
          expect(remembering).toEqual(plain);
          accepted++;
        },
      ),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
