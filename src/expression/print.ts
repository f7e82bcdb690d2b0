/** An expression as text again, with parentheses around everything, so that what is meant can be seen: `parse(print(x))` is x. */
import type { Node } from './syntax.ts';

export function printExpression(node: Node): string {
  switch (node.kind) {
    case 'nil':
      return 'nil';
    case 'bool':
    case 'int':
      return String(node.value);
    case 'float':
      return printFloatLiteral(node.value);
    case 'string':
      return printString(node.value);
    case 'name':
      return node.name;
    case 'pointer':
      return `#${node.name}`;
    case 'unary':
      return `(${node.operator} ${printExpression(node.of)})`;
    case 'binary':
      return `(${printExpression(node.left)} ${node.operator} ${printExpression(node.right)})`;
    case 'compare': {
      const rest = node.rest.map(({ operator, of }) => `${operator} ${printExpression(of)}`);
      return `(${printExpression(node.first)} ${rest.join(' ')})`;
    }
    case 'member':
      return printMember(node);
    case 'chain':
      return printExpression(node.of);
    case 'slice': {
      const [from, to] = [node.from, node.to].map((bound) => (bound === undefined ? '' : printExpression(bound)));
      return `${printBase(node.of)}[${from}:${to}]`;
    }
    case 'call':
      return `${node.name}(${node.args.map(printExpression).join(', ')})`;
    case 'method':
      return `${printBase(node.of)}.${node.name}(${node.args.map(printExpression).join(', ')})`;
    case 'predicate':
      return `{${printExpression(node.body)}}`;
    case 'let':
      return `(let ${node.name} = ${printExpression(node.value)}; ${printExpression(node.body)})`;
    case 'sequence':
      return `(${node.nodes.map(printExpression).join('; ')})`;
    case 'conditional':
      return `(${[node.condition, node.then].map(printExpression).join(' ? ')} : ${printExpression(node.otherwise)})`;
    case 'array':
      return `[${node.items.map(printExpression).join(', ')}]`;
    case 'map':
      return `{${node.pairs.map(({ key, value }) => `${printKey(key)}: ${printExpression(value)}`).join(', ')}}`;
  }
}

/** With a dot wherever that can be: it goes on with a chain of `?.`, as brackets do not. */
function printMember({ of, property, isOptional }: Extract<Node, { kind: 'member' }>): string {
  const isName = property.kind === 'string' && /^[a-zA-Z_$][a-zA-Z0-9_$]*$/.test(property.value);
  const isDotted = isName && (of.kind !== 'chain' || isOptional);
  if (isDotted) return `${printBase(of)}${isOptional ? '?.' : '.'}${property.value}`;
  return `${printBase(of)}${isOptional ? '?.' : ''}[${printExpression(property)}]`;
}

/** A literal before `[…]` would end there. */
function printBase(node: Node): string {
  const isLiteral = ['nil', 'bool', 'int', 'float', 'chain', 'predicate'].includes(node.kind);
  return isLiteral ? `(${printExpression(node)})` : printExpression(node);
}

const printKey = (key: Node): string => (key.kind === 'string' ? printString(key.value) : `(${printExpression(key)})`);

function printFloatLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** JSON escapes a string as the grammar reads it, but for half a surrogate pair. */
function printString(value: string): string {
  return JSON.stringify(value.toWellFormed()).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
