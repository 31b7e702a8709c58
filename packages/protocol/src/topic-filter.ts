import { topicTextProblem } from "./topic-name.ts";

const SHARE_PREFIX = "$share/";

/** The two parts of a Shared Subscription's Topic Filter, `$share/{shareName}/{topicFilter}`. */
export interface SharedFilter {
  readonly shareName: string;
  /** What topic names are matched against. */
  readonly topicFilter: string;
}

/** Whether `filter` asks for a Shared Subscription, well formed or not [MQTT-4.8.2-1]. */
export function isSharedFilter(filter: string): boolean {
  return filter.startsWith(SHARE_PREFIX);
}

/** Splits a Shared Subscription's filter; undefined where `filter` is an ordinary one or its form is bad. */
export function parseSharedFilter(filter: string): SharedFilter | undefined {
  if (!isSharedFilter(filter) || sharedFormProblem(filter) !== undefined) return undefined;
  const slash = filter.indexOf("/", SHARE_PREFIX.length);
  return { shareName: filter.slice(SHARE_PREFIX.length, slash), topicFilter: filter.slice(slash + 1) };
}

/** Why `filter` cannot be a Topic Filter, as a phrase that follows "the Topic Filter"; undefined where it can. */
export function topicFilterProblem(filter: string): string | undefined {
  const problem = topicTextProblem(filter);
  if (problem !== undefined) return problem;
  if (!isSharedFilter(filter)) return wildcardProblem(filter);
  const formProblem = sharedFormProblem(filter);
  if (formProblem !== undefined) return formProblem;
  return wildcardProblem(filter.slice(filter.indexOf("/", SHARE_PREFIX.length) + 1));
}

function sharedFormProblem(filter: string): string | undefined {
  const slash = filter.indexOf("/", SHARE_PREFIX.length);
  // A "/" and a Topic Filter follow the ShareName [MQTT-4.8.2-2].
  if (slash < 0) return "has no topic filter after the share name";
  if (slash === SHARE_PREFIX.length) return "has an empty share name"; // [MQTT-4.8.2-1]
  if (slash === filter.length - 1) return "has no topic filter after the share name";
  const shareName = filter.slice(SHARE_PREFIX.length, slash);
  if (shareName.includes("+") || shareName.includes("#")) return "has a wildcard in its share name"; // [MQTT-4.8.2-2]
  return undefined;
}

function wildcardProblem(filter: string): string | undefined {
  if (filter.length === 0) return "is empty"; // [MQTT-4.7.3-1]
  for (let index = 0; index < filter.length; index++) {
    const character = filter[index];
    if (character !== "+" && character !== "#") continue;
    const beginsLevel = index === 0 || filter[index - 1] === "/";
    const isLast = index === filter.length - 1;
    if (character === "#" && !(beginsLevel && isLast)) {
      return "has a # that is not the whole last level"; // [MQTT-4.7.1-1]
    }
    if (character === "+" && !(beginsLevel && (isLast || filter[index + 1] === "/"))) {
      return "has a + that is not a whole level"; // [MQTT-4.7.1-2]
    }
  }
  return undefined;
}
