import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

const FORM = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB|KiB|MiB|GiB)?$/;

/** A number of bytes, plain or with a unit: 65536, "64KiB", "1.5 MiB". */
export function sizeSchema(minimum: number, maximum: number): z.ZodType<number, number | string> {
  const error = 'must be a number of bytes such as 65536 or "64KiB"';
  return z
    .union([z.int(), z.string().regex(FORM, { error })], { error })
    .transform((size) => (typeof size === "number" ? size : sizeInBytes(size)))
    .refine((size) => size >= minimum, { error: `must be at least ${formatSize(minimum)}` })
    .refine((size) => size <= maximum, { error: `must be at most ${formatSize(maximum)}` });
}

function sizeInBytes(text: string): number {
  const [, number, unit = "B"] = FORM.exec(text)!;
  return Math.round(Number(number) * UNITS[unit]!);
}

/** The shortest exact form: "16MiB", "65535". */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    const factor = UNITS[unit]!;
    if (bytes > 0 && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}
