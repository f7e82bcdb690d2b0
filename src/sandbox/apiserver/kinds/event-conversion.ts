/** Events are stored once and served by two groups: core/v1 (the stored form) and events.k8s.io/v1. */
import type { Json, JsonObject } from '../json.ts';

/** events.k8s.io/v1 name → core/v1 name, where they differ. */
const NAMES: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
};
const BACK = Object.fromEntries(Object.entries(NAMES).map(([modern, core]) => [core, modern]));

function rename(object: JsonObject, names: Readonly<Record<string, string>>, apiVersion: string): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) result[names[key] ?? key] = value as Json;
  return { ...result, apiVersion };
}

export const eventConversion = {
  toStored: (object: JsonObject): JsonObject => ({
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    ...rename(object, NAMES, 'v1'),
  }),
  fromStored: (object: JsonObject): JsonObject => {
    const modern = rename(object, BACK, 'events.k8s.io/v1');
    for (const field of ['reportingController', 'reportingInstance']) if (modern[field] === '') delete modern[field];
    return { deprecatedSource: {}, deprecatedFirstTimestamp: null, deprecatedLastTimestamp: null, ...modern };
  },
};
