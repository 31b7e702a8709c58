/** All micro-benchmarks, each in a process of its own so that none is measured with the other's types in its caches. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

for (const name of ["codec", "interning", "routing"]) {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  process.stdout.write(`\n${name}\n\n`);
  const { status } = spawnSync(process.execPath, ["--conditions=x-source", "--import", "tsx", file], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}
