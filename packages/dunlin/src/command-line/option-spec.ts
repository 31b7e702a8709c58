interface OptionText {
  /** One letter, used with a single dash. */
  readonly short?: string;
  /** Heading under which the help lists it. */
  readonly group: string;
  readonly help: string;
}

export interface FlagSpec extends OptionText {
  readonly type: "flag";
}

interface ValueSpec extends OptionText {
  /** Stands for the value in the help, e.g. "FILE". */
  readonly value: string;
  /** May be given several times. */
  readonly multiple?: true;
}

export interface TextSpec extends ValueSpec {
  readonly type: "text";
  readonly choices?: readonly string[];
}

export interface NumberSpec extends ValueSpec {
  readonly type: "number";
  readonly minimum: number;
  readonly maximum: number;
  /** Default true. */
  readonly integer?: false;
}

export type OptionSpec = FlagSpec | TextSpec | NumberSpec;

/** By long name. */
export type OptionSpecs = { readonly [name: string]: OptionSpec };

type SingleValue<Spec> = Spec extends { type: "number" }
  ? number
  : Spec extends { choices: readonly (infer Choice)[] }
    ? Choice
    : string;

/** What was given on the command line; a flag that was not given is false. */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends { type: "flag" }
    ? boolean
    : Specs[Name] extends { multiple: true }
      ? readonly SingleValue<Specs[Name]>[]
      : SingleValue<Specs[Name]> | undefined;
};

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** One line each, without "dunlin". */
  readonly usage: readonly string[];
  readonly options: OptionSpecs;
  readonly examples: readonly { readonly command: string; readonly effect: string }[];
  /** Text behind the options, where the command needs some. */
  readonly notes?: readonly string[];
  readonly exitCodes: readonly (
    | "Success"
    | "Failure"
    | "Usage"
    | "Refused"
    | "Connection"
    | "Timeout"
    | "Internal"
  )[];
}
