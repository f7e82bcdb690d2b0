/** A match in Istio's words. Cookies are one header to it, so a cookie is an expression over that header; Envoy matches whole values. */
import { fieldsAt, type Fields, isFields, sameJson } from '../../api/fields.ts';
import type { RequestMatch, StringMatch } from '../../api/request-match.ts';

/** RE2's and JavaScript's special characters. */
const literally = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);

/** Conditions by header. */
export function headersOf({ headers = {}, cookies = {} }: RequestMatch): Readonly<Record<string, StringMatch>> {
  const ofCookies = Object.entries(cookies).map(([name, wanted]) => [
    'cookie',
    { regex: String.raw`(.*;\s*)?${literally(name)}=${cookieValue(wanted)}(;.*)?` },
  ]);
  return { ...headers, ...(Object.fromEntries(ofCookies) as Readonly<Record<string, StringMatch>>) };
}

function cookieValue({ exact, prefix, regex }: StringMatch): string {
  if (exact !== undefined) return literally(exact);
  return prefix === undefined ? `(?:${regex ?? ''})` : `${literally(prefix)}[^;]*`;
}

/** The conditions of a route, each with those of the match as well; `conflict`: a header that the route already asks something else of. */
export function narrowed(
  conditions: readonly unknown[],
  match: RequestMatch,
): { readonly match: readonly Fields[] } | { readonly conflict: string } {
  const wanted = headersOf(match);
  const alternatives = conditions.length === 0 ? [{}] : conditions.filter(isFields);
  for (const alternative of alternatives) {
    const present = fieldsAt(alternative, 'headers');
    const conflict = Object.keys(wanted).find((name) => name in present && !sameJson(present[name], wanted[name]));
    if (conflict !== undefined) return { conflict };
  }
  return {
    match: alternatives.map((alternative) => ({
      ...alternative,
      headers: { ...fieldsAt(alternative, 'headers'), ...wanted },
    })),
  };
}
