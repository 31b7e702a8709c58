import type { StreamPosition } from "../device.ts";
import type { HistoryEvent } from "../history.ts";
import { owedWill, type World, type WorldPast } from "../world.ts";

/** What the clients of a world had done and been told at a moment that `wasSent` knows; the store has kept what `survives`. */
export function pastAt(
  world: World,
  wasSent: (at: StreamPosition) => boolean,
  survives: "all" | "some" = "all",
): WorldPast {
  const history: HistoryEvent[] = [];
  const overFor = new Set<string>();
  for (const event of world.history) {
    if (!("client" in event) || overFor.has(event.client)) continue;
    const at = "at" in event ? event.at : undefined;
    if (at !== undefined && !wasSent(at)) overFor.add(event.client);
    else history.push(event);
  }
  const id = owedWill(history, "keeper");
  if (id !== undefined) history.push({ is: "acknowledged", client: "keeper", id });
  history.push({ is: "killed", survives });
  const unreleased = new Map(
    world.devices.map(({ clientId, identifierChanges }) => {
      const identifiers = new Set<number>();
      for (const { at, identifier, isReleased } of identifierChanges) {
        if (!wasSent(at)) break;
        if (isReleased) identifiers.delete(identifier);
        else identifiers.add(identifier);
      }
      return [clientId, identifiers];
    }),
  );
  return { generation: 1, history, unreleased };
}
