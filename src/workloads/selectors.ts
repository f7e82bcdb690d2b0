/** Label selectors as the API server evaluates them. */
import { labelsAt, listAt, stringAt } from '../api/fields.ts';

type Labels = Readonly<Record<string, string>>;

/** True when every wanted label has exactly that value. An empty selection selects everything. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** metav1.LabelSelector: `matchLabels` and `matchExpressions`, all of which must hold; an unknown operator selects nothing. */
export function selects(selector: unknown, labels: Labels): boolean {
  if (!hasLabels(labels, labelsAt(selector, 'matchLabels'))) return false;
  return listAt(selector, 'matchExpressions').every((expression) => holds(expression, labels));
}

function holds(expression: unknown, labels: Labels): boolean {
  const key = stringAt(expression, 'key') ?? '';
  const operator = stringAt(expression, 'operator');
  const values = listAt(expression, 'values');
  const has = Object.hasOwn(labels, key);
  if (operator === 'In') return has && values.includes(labels[key]);
  if (operator === 'NotIn') return !has || !values.includes(labels[key]);
  if (operator === 'Exists') return has;
  return operator === 'DoesNotExist' && !has;
}
