import {
  binarySize,
  checkInteger,
  checkVariableByteInteger,
  stringSize,
  writeBinary,
  writeFourByteInteger,
  writeString,
  writeTwoByteInteger,
} from "./field-writer.ts";
import type { UserProperty } from "./packets.ts";
import { PROPERTY_LISTS, type PropertyDefinition, type PropertyOwner, PropertyType } from "./properties.ts";
import { variableByteIntegerSize, writeVariableByteInteger } from "./variable-byte-integer.ts";

/** Size of a property block with its length. */
export function propertiesSize(owner: PropertyOwner, properties: object): number {
  const contentSize = propertyContentSize(owner, properties);
  return variableByteIntegerSize(contentSize) + contentSize;
}

/** Writes a property block with its length, which is 0 where there are no properties [MQTT-2.2.2-1]. */
export function writeProperties(
  target: Uint8Array,
  offset: number,
  owner: PropertyOwner,
  properties: object,
): number {
  const next = writeVariableByteInteger(target, offset, propertyContentSize(owner, properties));
  return writePropertyContent(target, next, owner, properties);
}

/** Size of a property block's content. Throws a RangeError for a value that has no encoding. */
export function propertyContentSize(owner: PropertyOwner, properties: object): number {
  let size = 0;
  if (isEmpty(properties)) return size;
  for (const property of PROPERTY_LISTS[owner]) {
    const value = propertyValue(properties, property);
    if (value === undefined) continue;
    if (property.repeatable) {
      for (const one of value as unknown[]) size += 1 + valueSize(property, one);
    } else {
      size += 1 + valueSize(property, value);
    }
  }
  checkVariableByteInteger("the size of all properties", size);
  return size;
}

export function writePropertyContent(
  target: Uint8Array,
  offset: number,
  owner: PropertyOwner,
  properties: object,
): number {
  let next = offset;
  if (isEmpty(properties)) return next;
  for (const property of PROPERTY_LISTS[owner]) {
    const value = propertyValue(properties, property);
    if (value === undefined) continue;
    if (property.repeatable) {
      for (const one of value as unknown[]) next = writeProperty(target, next, property, one);
    } else {
      next = writeProperty(target, next, property, value);
    }
  }
  return next;
}

/** Most packets have no properties: they need no walk through all that there could be. */
function isEmpty(properties: object): boolean {
  for (const _ in properties) return false;
  return true;
}

function propertyValue(properties: object, property: PropertyDefinition): unknown {
  return (properties as Record<string, unknown>)[property.name];
}

function valueSize(property: PropertyDefinition, value: unknown): number {
  const name = property.name;
  const minimum = property.range === "nonzero" ? 1 : 0;
  switch (property.type) {
    case PropertyType.Byte:
      checkInteger(name, Number(value), 0, 1);
      return 1;
    case PropertyType.TwoByteInteger:
      checkInteger(name, value as number, minimum, 0xffff);
      return 2;
    case PropertyType.FourByteInteger:
      checkInteger(name, value as number, minimum, 0xffff_ffff);
      return 4;
    case PropertyType.VariableByteInteger:
      checkVariableByteInteger(name, value as number, minimum);
      return variableByteIntegerSize(value as number);
    case PropertyType.Utf8String:
      return stringSize(name, value as string);
    case PropertyType.Utf8StringPair: {
      const [key, text] = value as UserProperty;
      return stringSize(name, key) + stringSize(name, text);
    }
    case PropertyType.BinaryData:
      return binarySize(name, value as Uint8Array);
  }
}

function writeProperty(
  target: Uint8Array,
  offset: number,
  property: PropertyDefinition,
  value: unknown,
): number {
  target[offset] = property.id;
  const next = offset + 1;
  switch (property.type) {
    case PropertyType.Byte:
      target[next] = Number(value);
      return next + 1;
    case PropertyType.TwoByteInteger:
      return writeTwoByteInteger(target, next, value as number);
    case PropertyType.FourByteInteger:
      return writeFourByteInteger(target, next, value as number);
    case PropertyType.VariableByteInteger:
      return writeVariableByteInteger(target, next, value as number);
    case PropertyType.Utf8String:
      return writeString(target, next, value as string);
    case PropertyType.Utf8StringPair: {
      const [key, text] = value as UserProperty;
      return writeString(target, writeString(target, next, key), text);
    }
    case PropertyType.BinaryData:
      return writeBinary(target, next, value as Uint8Array);
  }
}
