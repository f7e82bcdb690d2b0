/** Which ConfigMaps and Secrets differ from what the stable version was let through with, by `status.config` of a Release. */
import { listAt, stringAt } from '../api/fields.ts';

/** Kind and name of each; what the template names anew is part of its change, and left out. */
export function changedObjects(config: unknown): readonly string[] {
  return listAt(config, 'objects').flatMap((each) => {
    const stable = stringAt(each, 'stable');
    const isChanged = stable !== undefined && stable !== stringAt(each, 'digest');
    return isChanged ? [stringAt(each, 'object') ?? ''] : [];
  });
}
