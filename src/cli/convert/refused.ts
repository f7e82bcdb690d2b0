/** What a cluster with this version of Serin would refuse, or drop in silence, of what was made: said by `serin lint` before it happens. */
import { stringify } from 'yaml';
import { lint } from '../lint/lint.ts';
import type { Loss, Made } from './outcome.ts';
import type { Library } from '../lint/library.ts';

/** The usual settings of `serin lint`; only its errors are looked at, which do not depend on them. */
const OPTIONS = { scrapeMs: 15_000, badShare: 0.005 };

export function refusedOf(objects: readonly Made[], library: Library): readonly Loss[] {
  const files = objects.map((object) => ({
    file: `${object.kind} ${nameIn(object)}, as made`,
    text: stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }),
  }));
  return lint({ files, library, options: OPTIONS })
    .findings.filter(({ severity }) => severity === 'error')
    .map(({ place, message }) => ({ where: place.file, message }));
}

const nameIn = ({ metadata }: Made): string =>
  typeof metadata['name'] === 'string' && metadata['name'] !== '' ? metadata['name'] : 'without a name';
