/** Keys that a process looks at without its store. */
import { describe, expect, test } from 'vitest';
import { Express } from '../../../src/queue/express.ts';

describe('an urgent look', () => {
  test('has as many seats as were given, and a seat is free again when a look ended, well or badly', async () => {
    const ends: { resolve(): void; reject(error: Error): void }[] = [];
    const express = new Express(2, () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      ends.push({ resolve, reject });
      return promise;
    });
    expect([express.take({ key: 'a' }), express.take({ key: 'b' }), express.take({ key: 'c' })]).toEqual([
      true,
      true,
      false,
    ]);
    ends[0]?.reject(new Error('it fails'));
    ends[1]?.resolve();
    await express.settled();
    expect([express.take({ key: 'c' }), ends.length]).toEqual([true, 3]);
  });
});
