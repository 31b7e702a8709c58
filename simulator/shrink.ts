import type { Scenario } from "./scenario.ts";

/**
 * The shortest scenario that `fails` still, as far as leaving out clients and steps leads to it. Tries large pieces
 * first; `mostTries` bounds the time it takes.
 */
export async function shrink(
  scenario: Scenario,
  fails: (scenario: Scenario) => Promise<boolean>,
  mostTries = 400,
): Promise<Scenario> {
  let smallest = scenario;
  let tries = 0;
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    tries++;
    if (!(await fails(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (const { clientId } of scenario.clients) await attempt(without(smallest, clientId));
  for (let size = Math.ceil(smallest.steps.length / 2); size > 0 && tries < mostTries; ) {
    let isSmaller = false;
    for (let at = smallest.steps.length - size; at > -size && tries < mostTries; at -= size) {
      const from = Math.max(0, at);
      const steps = [...smallest.steps.slice(0, from), ...smallest.steps.slice(from + size)];
      if (await attempt({ ...smallest, steps })) isSmaller = true;
    }
    // The last of all sizes goes on as long as it leads anywhere.
    if (size > 1 || !isSmaller) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return smallest;
}

function without(scenario: Scenario, clientId: string): Scenario {
  const clients = scenario.clients.filter((client) => client.clientId !== clientId);
  const steps = scenario.steps.filter((step) => !("client" in step) || step.client !== clientId);
  return { ...scenario, clients, steps };
}
