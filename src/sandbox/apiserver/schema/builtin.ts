/** Schemas of the built-in kinds, in the form in which kube-apiserver 1.36 publishes them (descriptions left out). */
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../json.ts';
import { type Definitions, resolveReferences } from './schema.ts';
import { packageFile } from '../../../package-files.ts';

export interface BuiltinSchemas {
  /** As published, with `$ref`: what `/openapi/v3` shows. */
  readonly raw: Readonly<Record<string, JsonObject>>;
  readonly resolved: Definitions;
}

/** Reads `builtin.json` beside this file; `test/support/apiserver-schemas.ts` made it from a real server and checks it. */
export function readBuiltinSchemas(): BuiltinSchemas {
  const text = readFileSync(packageFile('src/sandbox/apiserver/schema/builtin.json'), 'utf8');
  const raw = JSON.parse(text) as Record<string, JsonObject>;
  return { raw, resolved: resolveReferences(raw) };
}

export const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
