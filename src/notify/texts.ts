/** Times as people say them in a message. */

/** `1 min 40 s`, `2 h 5 min`, `3 d 4 h`: the two largest units. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** `14:02:31` in UTC. */
export const shortTime = (timeMs: number): string => new Date(timeMs).toISOString().slice(11, 19);
