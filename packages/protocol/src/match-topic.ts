const SLASH = 0x2f;
const DOLLAR = 0x24;
const NUMBER_SIGN = 0x23;
const PLUS_SIGN = 0x2b;

/**
 * Whether a valid Topic Name matches a valid Topic Filter, character by character without normalization
 * [MQTT-4.7.3-4]. Of a Shared Subscription, pass the filter behind the share name.
 */
export function matchTopic(filter: string, topicName: string): boolean {
  let filterIndex = 0;
  let topicIndex = 0;
  // Wildcards at the start do not reach topics that begin with $ [MQTT-4.7.2-1].
  if (topicName.charCodeAt(0) === DOLLAR && isWildcard(filter.charCodeAt(0))) return false;
  for (;;) {
    // Both stand at the start of a level.
    const first = filter.charCodeAt(filterIndex);
    if (first === NUMBER_SIGN) return true;
    if (first === PLUS_SIGN) {
      filterIndex++;
      topicIndex = levelEnd(topicName, topicIndex);
    } else {
      const end = levelEnd(filter, filterIndex);
      for (; filterIndex < end; filterIndex++, topicIndex++) {
        if (filter.charCodeAt(filterIndex) !== topicName.charCodeAt(topicIndex)) return false;
      }
      if (topicIndex < topicName.length && topicName.charCodeAt(topicIndex) !== SLASH) return false;
    }
    if (filterIndex === filter.length) return topicIndex === topicName.length;
    if (topicIndex === topicName.length) {
      // "sport/#" also matches "sport", as # includes the parent level [MQTT 5.0, 4.7.1.2].
      return filterIndex + 2 === filter.length && filter.charCodeAt(filterIndex + 1) === NUMBER_SIGN;
    }
    filterIndex++;
    topicIndex++;
  }
}

function isWildcard(unit: number): boolean {
  return unit === NUMBER_SIGN || unit === PLUS_SIGN;
}

function levelEnd(text: string, from: number): number {
  const slash = text.indexOf("/", from);
  return slash < 0 ? text.length : slash;
}
