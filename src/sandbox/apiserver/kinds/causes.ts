/** The causes of a 422, worded as the real server words them. */
import type { FieldCause } from '../failure.ts';
import type { Json } from '../json.ts';

export const required = (field: string, detail = ''): FieldCause => ({
  reason: 'FieldValueRequired',
  message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  field,
});

export const invalidValue = (field: string, value: Json | undefined, detail: string): FieldCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${detail}`,
  field,
});

export const wrongType = (field: string, value: Json | undefined, detail: string): FieldCause => ({
  reason: 'FieldValueTypeInvalid',
  message: `Invalid value: ${shown(value)}: ${detail}`,
  field,
});

export const forbiddenField = (field: string, detail: string): FieldCause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
  field,
});

export const unsupportedValue = (field: string, value: Json | undefined, supported: readonly Json[]): FieldCause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map((item) => shown(item)).join(', ')}`,
  field,
});

export const duplicateValue = (field: string, value: Json | undefined): FieldCause => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${shown(value)}`,
  field,
});

export const tooLong = (field: string, limit: number): FieldCause => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${limit} bytes`,
  field,
});

export const tooMany = (field: string, actual: number, limit: number): FieldCause => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${actual}: must have at most ${limit} items`,
  field,
});

const shown = (value: Json | undefined): string => (value === undefined ? 'null' : JSON.stringify(value));
