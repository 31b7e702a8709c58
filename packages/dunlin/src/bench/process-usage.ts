import { readdirSync, readFileSync } from "node:fs";

/** What Linux has as the unit of /proc/PID/stat, on all architectures that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat behind the name in brackets. */
const PARENT_FIELD = 1;
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

export interface ProcessUsage {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/** The process and all its descendants. Linux only; elsewhere the process alone. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of listProcesses()) {
    const parent = Number(statOf(Number(name))?.[PARENT_FIELD] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** CPU time and memory of processes together; undefined where there is no /proc. */
export function usageOf(pids: readonly number[]): ProcessUsage | undefined {
  const usages = pids.map(usageOfOne).filter((usage) => usage !== undefined);
  if (usages.length === 0) return undefined;
  const sum = (name: keyof ProcessUsage): number => usages.reduce((total, usage) => total + usage[name], 0);
  return {
    userSeconds: sum("userSeconds"),
    systemSeconds: sum("systemSeconds"),
    residentBytes: sum("residentBytes"),
    peakResidentBytes: sum("peakResidentBytes"),
  };
}

/** Seconds that all processors together were busy since the machine started; undefined where there is no /proc. */
export function machineBusySeconds(): number | undefined {
  const line = readText("/proc/stat")?.split("\n")[0];
  const [user, nice, system, , , interrupt, softInterrupt, stolen] = (line ?? "")
    .split(/\s+/)
    .slice(1)
    .map(Number);
  if (user === undefined) return undefined;
  const busy = user + nice! + system! + interrupt! + softInterrupt! + (stolen ?? 0);
  return busy / TICKS_PER_SECOND;
}

function listProcesses(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function usageOfOne(pid: number): ProcessUsage | undefined {
  const stat = statOf(pid);
  const status = readText(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const kilobytes = (key: string): number =>
    Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0);
  return {
    userSeconds: Number(stat[USER_FIELD]) / TICKS_PER_SECOND,
    systemSeconds: Number(stat[SYSTEM_FIELD]) / TICKS_PER_SECOND,
    residentBytes: kilobytes("VmRSS") * 1024,
    peakResidentBytes: kilobytes("VmHWM") * 1024,
  };
}

/** The fields behind the process's name, which may hold spaces itself. */
function statOf(pid: number): readonly string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
