import {
  PROPERTIES,
  type PropertyDefinition,
  type PropertyOwner,
  PropertyType,
  type UserProperty,
} from "@dunlin/protocol";
import { suggestion } from "../nearest.ts";
import { usageError } from "./command-error.ts";
import type { OptionSpecs } from "./option-spec.ts";

const OWNERS: readonly PropertyOwner[] = [
  "CONNECT",
  "WILL",
  "PUBLISH",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "DISCONNECT",
];

const INTEGER_MAXIMUM: { readonly [Type in PropertyType]?: number } = {
  [PropertyType.Byte]: 1,
  [PropertyType.TwoByteInteger]: 0xffff,
  [PropertyType.FourByteInteger]: 0xffffffff,
  [PropertyType.VariableByteInteger]: 268_435_455,
};

/** The properties of `-D PACKET NAME VALUE`, by packet. */
export class PropertyArguments {
  private readonly byOwner = new Map<PropertyOwner, Record<string, unknown>>();

  get isAnyGiven(): boolean {
    return this.byOwner.size > 0;
  }

  /** The properties given for a packet, in the form of the protocol package. */
  of(owner: PropertyOwner): Record<string, never> {
    return (this.byOwner.get(owner) ?? {}) as Record<string, never>;
  }

  /** A property that may be repeated is added to those before. */
  set(owner: PropertyOwner, property: PropertyDefinition, value: unknown): void {
    const properties = this.byOwner.get(owner) ?? {};
    this.byOwner.set(owner, properties);
    if (!property.repeatable) properties[property.name] = value;
    else properties[property.name] = [...((properties[property.name] as unknown[] | undefined) ?? []), value];
  }

  /** Adds what is defined. */
  add(owner: PropertyOwner, values: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(values)) {
      const property = propertiesOf(owner).find((candidate) => candidate.name === name);
      if (property !== undefined && value !== undefined) this.set(owner, property, value);
    }
  }

  addUserProperty(owner: PropertyOwner, userProperty: UserProperty): void {
    this.add(owner, { userProperties: userProperty });
  }
}

/** Takes `-D PACKET NAME VALUE...` out of the arguments: of all options, it alone has several words. */
export function extractProperties(
  args: readonly string[],
  specs: OptionSpecs,
): { readonly rest: readonly string[]; readonly properties: PropertyArguments } {
  const rest: string[] = [];
  const properties = new PropertyArguments();
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    if (argument === "-D" || argument === "--property") {
      index += readProperty(args.slice(index + 1), properties);
    } else {
      rest.push(argument);
      // The value of another option is not looked at.
      if (takesNextWord(argument, specs) && index + 1 < args.length) rest.push(args[++index]!);
    }
  }
  return { rest, properties };
}

function takesNextWord(argument: string, specs: OptionSpecs): boolean {
  const named = Object.entries(specs).find(
    ([name, spec]) => argument === `--${name}` || argument === `-${spec.short}`,
  );
  return named !== undefined && named[1].type !== "flag";
}

/** Returns the number of words that belong to the property. */
function readProperty(words: readonly string[], properties: PropertyArguments): number {
  const [packetWord = "", nameWord = "", value, second] = words;
  const owner = OWNERS.find((known) => known.toLowerCase() === packetWord.toLowerCase());
  if (owner === undefined) {
    const known = OWNERS.map((name) => name.toLowerCase());
    throw usageError(
      `-D: unknown packet "${packetWord}"${suggestion(packetWord, known) || `; known are ${known.join(", ")}`}`,
    );
  }
  const known = propertiesOf(owner);
  const property = known.find((candidate) => optionName(candidate) === nameWord);
  if (property === undefined) {
    const names = known.map(optionName);
    const hint = suggestion(nameWord, names) || `; known are ${names.join(", ")}`;
    throw usageError(`-D ${packetWord}: unknown property "${nameWord}"${hint}`);
  }
  if (property.type === PropertyType.Utf8StringPair) {
    if (value === undefined || second === undefined)
      throw usageError(`-D ${packetWord} ${nameWord} needs a name and a value`);
    properties.set(owner, property, [value, second]);
    return 4;
  }
  if (value === undefined) throw usageError(`-D ${packetWord} ${nameWord} needs a value`);
  properties.set(owner, property, propertyValue(property, value, `-D ${packetWord} ${nameWord}`));
  return 3;
}

/** The properties that a client may give to a packet. */
function propertiesOf(owner: PropertyOwner): readonly PropertyDefinition[] {
  return PROPERTIES.filter(({ owners, senders }) => owners.includes(owner) && senders[owner] !== "server");
}

/** "Message Expiry Interval" is written "message-expiry-interval". */
function optionName(property: PropertyDefinition): string {
  return property.label.toLowerCase().replaceAll(" ", "-");
}

function propertyValue(property: PropertyDefinition, text: string, place: string): unknown {
  if (property.type === PropertyType.Utf8String) return text;
  if (property.type === PropertyType.BinaryData) return Buffer.from(text);
  const maximum = INTEGER_MAXIMUM[property.type]!;
  const minimum = property.range === "nonzero" ? 1 : 0;
  const number = text === "" ? Number.NaN : Number(text);
  if (!Number.isInteger(number) || number < minimum || number > maximum) {
    throw usageError(`${place} must be a whole number from ${minimum} to ${maximum}, not "${text}"`);
  }
  return property.range === "boolean" ? number === 1 : number;
}
