/** Takes secrets out of texts, in every spelling in which a request or an answer may repeat them. */

const SHOWN = '*****';

/** The longest first, so that a secret within another leaves nothing of either. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const spellings = [...new Set(secrets.filter((secret) => secret !== '').flatMap(spellingsOf))].toSorted(
    (one, other) => other.length - one.length,
  );
  return (text) => spellings.reduce((whole, spelling) => whole.replaceAll(spelling, SHOWN), text);
}

function spellingsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const inUrl = encodeURIComponent(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    inUrl,
    inUrl.replaceAll('%20', '+'),
    new URLSearchParams({ x: secret }).toString().slice(2),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ];
}
