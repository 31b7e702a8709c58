import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file system of a few megabytes, that can be filled to the last byte and emptied again. */
export class SmallDisk {
  readonly folder: string;
  readonly #ballast: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#ballast = join(folder, "ballast");
  }

  /** The reason where there can be none. */
  static mount(folder: string, megabytes: number): SmallDisk | string {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root can mount a small disk";
    mkdirSync(folder, { recursive: true });
    const { status, stderr } = spawnSync("mount", [
      "-t",
      "tmpfs",
      "-o",
      `size=${megabytes}m`,
      "tmpfs",
      folder,
    ]);
    return status === 0 ? new SmallDisk(folder) : `a small disk cannot be mounted here: ${stderr}`;
  }

  get store(): string {
    return join(this.folder, "store");
  }

  fill(): void {
    const { bavail, bsize } = statfsSync(this.folder);
    writeFileSync(this.#ballast, Buffer.alloc(bavail * bsize), { flag: "a" });
  }

  free(): void {
    truncateSync(this.#ballast, 0);
  }

  unmount(): void {
    spawnSync("umount", ["--lazy", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
