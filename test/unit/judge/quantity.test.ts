import { describe, expect, test } from 'vitest';
import { quantityOf } from '../../../src/judge/format-quantity.ts';

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

describe('values in the unit of their metric', () => {
  const gauge = (unit?: string) => quantityOf({ shape: 'gauge', ...(unit === undefined ? {} : { unit }) });
  test.each([
    ['bytes', 612 * 1024 ** 2, '612 MiB', '+612 MiB'],
    ['bytes', 1.5 * 1024 ** 3, '1.5 GiB', '+1.5 GiB'],
    ['bytes', -2048, '−2 KiB', '−2 KiB'],
    ['bytes', 0, '0 B', '0 B'],
    ['s', 0.041, '41 ms', '+41 ms'],
    ['s', -0.0002, '−0.2 ms', '−0.2 ms'],
    ['seconds', 75, '75 s', '+75 s'],
    ['ms', 118, '118 ms', '+118 ms'],
    ['ms', 12_500, '12.5 s', '+12.5 s'],
    ['percent', 12.5, '12.5 %', '+12.5 %'],
    ['threads', 3, '3 threads', '+3 threads'],
    ['1', 0.25, '0.25', '+0.25'],
    [undefined, 18_200, '18 200', '+18 200'],
    ['bytes', NaN, '–', '–'],
  ])('%s: %d is %s, as a change %s', (unit, value, text, change) => {
    expect(plain(gauge(unit).value(value))).toBe(text);
    expect(plain(gauge(unit).change(value))).toBe(change);
  });

  test.each([
    [12.34, '12.3 restarts/s'],
    [0.02, '1.2 restarts/min'],
    [0.0004, '1.44 restarts/h'],
    [0.000_01, '0.864 restarts/d'],
    [0, '0 restarts/s'],
  ])('%d events per pod and second are %s', (value, text) => {
    expect(quantityOf({ shape: 'rate', unit: 'restarts', isPerSecond: true }, value).value(value)).toBe(text);
  });

  test('values beside each other are per the same time, and what is counted per something else has no unit', () => {
    const rate = quantityOf({ shape: 'rate', unit: 'kills', isPerSecond: true }, 0.0004);
    expect([rate.value(0.0004), rate.value(0.000_01), rate.change(-0.000_05)]).toEqual([
      '1.44 kills/h',
      '0.036 kills/h',
      '−0.18 kills/h',
    ]);
    expect(quantityOf({ shape: 'rate', unit: 'exceptions' }).value(0.0125)).toBe('0.0125');
    expect(quantityOf({ shape: 'rate', isPerSecond: true }).value(5)).toBe('5 /s');
  });

  test('proportions stay percent and percentage points', () => {
    expect([quantityOf({}).value(0.0506), quantityOf({}).change(-0.0013)]).toEqual(['5.06 %', '−0.13 pp']);
  });
});
