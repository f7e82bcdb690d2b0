/** Runs `work` for every item, at most `limit` at a time; the first rejection ends it, what is under way goes on unheeded. */
export async function allLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const runners = Array.from({ length: Math.min(limit, items.length) }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(runners);
}
