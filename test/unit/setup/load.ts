/** Set-up is plain JavaScript, for it runs before anything is installed; its tests say what they expect of each part. */
export async function load<T>(file: string): Promise<T> {
  return (await import(new URL(`../../../src/setup/${file}`, import.meta.url).href)) as T;
}
