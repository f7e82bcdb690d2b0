/** Only whole answers count: without some of the series a bad canary looks like a good one, and a good one like a bad one. */
import { SerinError } from '../errors.ts';
import type { MetricSource, QueryAnswer } from './port.ts';

/** The source, with `SERIN_E_PROMETHEUS` in place of answers from which series may be missing. */
export function wholeAnswers(source: MetricSource): MetricSource {
  return {
    instant: async (...question) => checked(await source.instant(...question)),
    range: async (...question) => checked(await source.range(...question)),
  };
}

function checked(answer: QueryAnswer): QueryAnswer {
  if (answer.partial === undefined) return answer;
  const told = answer.partial.replace(/\.$/, '');
  throw new SerinError(
    'SERIN_E_PROMETHEUS',
    `The answer is partial: ${told}. Check the stores behind the address that is asked.`,
  );
}
