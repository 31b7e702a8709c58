// Loaded before `dunlin start`: the broker under test then gets its store and its network streams wrapped, so that
// it dies where it is told to. The product knows nothing of it.
import { register } from "node:module";
import { arm } from "./fail-point.mjs";

register("./resolve-hooks.mjs", import.meta.url);

const fromStart = process.env["CRASH_AT"];
if (fromStart) {
  const { name, count } = JSON.parse(fromStart);
  arm(name, count);
}
process.on("message", (message) => {
  const { name, count } = /** @type {{ name: string, count: number }} */ (message);
  arm(name, count);
  process.send?.("armed");
});
// Whoever started us may go; we stay, as any broker would.
process.channel?.unref();
