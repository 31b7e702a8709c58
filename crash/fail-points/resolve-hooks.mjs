// Module hooks: whoever asks for the broker or its store gets the ones that can be killed at a fail point.

/** @type {Readonly<Record<string, string>>} */
const wrapped = {
  "@dunlin/broker": new URL("./broker.mjs", import.meta.url).href,
  "@dunlin/storage-lmdb": new URL("./storage-lmdb.mjs", import.meta.url).href,
};

/** @type {import("node:module").ResolveHook} */
export async function resolve(specifier, context, nextResolve) {
  const url = wrapped[specifier];
  const isOurs = context.parentURL?.includes("/crash/fail-points/");
  if (url === undefined || isOurs) return nextResolve(specifier, context);
  return { url, shortCircuit: true };
}
