/** Reference pages say what the code does. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { generatedPages } from '../../../src/generate/pages.ts';

describe('a reference page', () => {
  test.for([...generatedPages()])('%s is as the code would write it now', ([path, content]) => {
    const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
    expect(readFileSync(file, 'utf8'), 'run `npm run generate`').toBe(content);
  });
});
