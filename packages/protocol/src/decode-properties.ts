import type { PacketCursor } from "./packet-cursor.ts";
import type { Sender } from "./packet-type.ts";
import type { UserProperty } from "./packets.ts";
import {
  LAST_PROPERTY_ID,
  PROPERTIES,
  PROPERTY_SETS,
  type PropertyDefinition,
  type PropertyOwner,
  PropertyType,
} from "./properties.ts";
import { ReasonCode } from "./reason-code.ts";

type PropertyValue = number | boolean | string | Uint8Array | UserProperty;
type PropertyObject = Record<string, PropertyValue | PropertyValue[]>;

/** Reads a Property Length and the properties, which must be those of `owner` as `sender` may send them. */
export function decodeProperties(cursor: PacketCursor, owner: PropertyOwner, sender: Sender): object {
  const length = cursor.readVariableByteInteger("the Property Length");
  if (length > cursor.remaining) {
    throw cursor.malformed("the Property Length runs past the packet", "MQTT 5.0, 2.2.2.1");
  }
  return decodePropertyContent(cursor, cursor.offset + length, owner, sender);
}

/** Reads properties up to `end`. */
export function decodePropertyContent(
  cursor: PacketCursor,
  end: number,
  owner: PropertyOwner,
  sender: Sender,
): object {
  const properties: PropertyObject = {};
  while (cursor.offset < end) {
    const offset = cursor.offset;
    const property = readPropertyIdentifier(cursor, owner, sender);
    if (!property.repeatable && property.name in properties) {
      throw cursor.broken(`${property.label} stands there twice`, "MQTT 5.0, 2.2.2.2", offset);
    }
    const value = readPropertyValue(cursor, property);
    if (cursor.offset > end) {
      throw cursor.malformed(`${property.label} runs past the Property Length`, "MQTT 5.0, 2.2.2.1", end);
    }
    if (property.repeatable) {
      const values = properties[property.name] as PropertyValue[] | undefined;
      if (values === undefined) properties[property.name] = [value];
      else values.push(value);
    } else {
      properties[property.name] = value;
    }
  }
  return properties;
}

function readPropertyIdentifier(
  cursor: PacketCursor,
  owner: PropertyOwner,
  sender: Sender,
): PropertyDefinition {
  const offset = cursor.offset;
  const id = cursor.readVariableByteInteger("a Property Identifier");
  const property = id <= LAST_PROPERTY_ID ? PROPERTY_SETS[owner][id] : undefined;
  if (property === undefined) throw cursor.malformed(identifierProblem(id), "MQTT 5.0, 2.2.2.2", offset);
  const onlySender = property.senders[owner];
  if (onlySender !== undefined && onlySender !== sender) {
    throw cursor.broken(`a ${sender} may not send ${property.label} here`, senderClause(property), offset);
  }
  return property;
}

/** An identifier that is unknown or not valid for the packet type makes a Malformed Packet [MQTT 5.0, 2.2.2.2]. */
export function identifierProblem(id: number): string {
  const property = PROPERTIES.find((candidate) => candidate.id === id);
  return property === undefined
    ? `there is no property 0x${id.toString(16)}`
    : `${property.label} is out of place`;
}

export function senderClause(property: PropertyDefinition): string {
  switch (property.name) {
    case "subscriptionIdentifiers":
      return "MQTT-3.3.4-6";
    case "sessionExpiryIntervalSeconds":
      return "MQTT-3.14.2-2";
    default:
      return "MQTT 5.0, 3.14.2.2";
  }
}

function readPropertyValue(cursor: PacketCursor, property: PropertyDefinition): PropertyValue {
  switch (property.type) {
    case PropertyType.Byte:
      return readBit(cursor, property);
    case PropertyType.TwoByteInteger:
      return checkZero(cursor, property, cursor.readTwoByteInteger(property.label));
    case PropertyType.FourByteInteger:
      return checkZero(cursor, property, cursor.readFourByteInteger(property.label));
    case PropertyType.VariableByteInteger:
      return checkZero(cursor, property, cursor.readVariableByteInteger(property.label));
    case PropertyType.Utf8String:
      return readStringProperty(cursor, property);
    case PropertyType.Utf8StringPair:
      // Both strings follow the rules of UTF-8 Encoded Strings [MQTT-1.5.7-1].
      return [cursor.readString("a User Property's name"), cursor.readString("a User Property's value")];
    case PropertyType.BinaryData:
      return cursor.readBinary(property.label);
  }
}

/** Every property of type Byte is a flag; another value than 0 or 1 is a Protocol Error. */
function readBit(cursor: PacketCursor, property: PropertyDefinition): number | boolean {
  const value = cursor.readByte(property.label);
  if (value > 1)
    throw cursor.broken(`${property.label} is neither 0 nor 1`, "MQTT 5.0, 2.2.2.2", cursor.offset - 1);
  return property.range === "boolean" ? value === 1 : value;
}

function checkZero(cursor: PacketCursor, property: PropertyDefinition, value: number): number {
  if (value === 0 && property.range === "nonzero") {
    if (property.name === "topicAlias") {
      throw cursor.error(ReasonCode.TopicAliasInvalid, "the Topic Alias is 0", "MQTT-3.3.2-8");
    }
    throw cursor.broken(`${property.label} is 0`, "MQTT 5.0, 2.2.2.2");
  }
  return value;
}

function readStringProperty(cursor: PacketCursor, property: PropertyDefinition): string {
  const text = cursor.readString(property.label);
  if (property.range !== "topicName") return text;
  if (text.length === 0) throw cursor.broken(`${property.label} is empty`, "MQTT-4.7.3-1");
  if (text.includes("+") || text.includes("#")) {
    throw cursor.broken(`${property.label} holds a wildcard`, "MQTT-3.3.2-14");
  }
  return text;
}
