/**
 * What may stand next on the command line, from the tree of commands itself. Answers in the format of cobra's `__complete`, which
 * kubectl reads from its plugins: a candidate and its description a line, then `:` and whether files are meant as well. Pure.
 */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly word: string;
  readonly meaning: string;
}

export interface Completions {
  readonly candidates: readonly Candidate[];
  /** Names of files are right, too. */
  readonly mayBeFile: boolean;
}

/** Bits of cobra's ShellCompDirective: default, and no files. */
const FILES = 0;
const NO_FILES = 4;

const NOTHING: Completions = { candidates: [], mayBeFile: false };

export function renderCompletions({ candidates, mayBeFile }: Completions): string {
  const lines = candidates.map(({ word, meaning }) => (meaning === '' ? word : `${word}\t${meaning}`));
  return `${[...lines, `:${mayBeFile ? FILES : NO_FILES}`].join('\n')}\n`;
}

/** Names that arguments may have, by the argument's own name; read only where one is asked for. */
export type Known = Readonly<Record<string, () => readonly string[]>>;

/** `words`: what stands behind the program's name; the last one, maybe empty, is to be completed. */
export function completionsOf(program: Command, words: readonly string[], known: Known = {}): Completions {
  const typed = joined(words);
  const last = typed.at(-1) ?? '';
  const found = walk(program, typed.slice(0, -1));
  const { candidates, mayBeFile } = candidatesFor(found, last, known);
  return { candidates: candidates.filter(({ word }) => word.startsWith(last)), mayBeFile };
}

/** bash takes `--output=json` for three words. */
function joined(words: readonly string[]): readonly string[] {
  const whole: string[] = [];
  for (const word of words) {
    const before = whole.at(-1);
    const isValue = before !== undefined && /^--[^=]+=$/.test(before) && word !== '=';
    if (before !== undefined && (isValue || (word === '=' && /^--[^=]+$/.test(before))))
      whole[whole.length - 1] = before + word;
    else whole.push(word);
  }
  return whole;
}

interface Place {
  readonly command: Command;
  /** Words that stand here already and are no options. */
  readonly plain: number;
  readonly used: ReadonlySet<Option>;
  /** Its value comes next. */
  readonly open?: Option;
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, plain: 0, used: new Set() };
  for (const word of words) {
    const { command, plain, used, open } = place;
    if (open !== undefined) {
      place = { command, plain, used };
      continue;
    }
    if (word.startsWith('-') && word !== '-') {
      const [flag = ''] = word.split('=');
      const option = command.options.find(({ long, short }) => long === flag || short === flag);
      if (option === undefined) continue;
      const hasValue = word.includes('=') || !(option.required || option.optional);
      place = { command, plain, used: new Set([...used, option]), ...(hasValue ? {} : { open: option }) };
      continue;
    }
    const inner = plain === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    place = inner === undefined ? { command, plain: plain + 1, used } : { command: inner, plain: 0, used: new Set() };
  }
  return place;
}

function candidatesFor({ command, plain, used, open }: Place, last: string, known: Known): Completions {
  if (open !== undefined) return valuesOf(open, '');
  const [flag = '', value] = last.split('=');
  if (last.startsWith('--') && value !== undefined) {
    const option = command.options.find(({ long }) => long === flag);
    return option === undefined ? NOTHING : valuesOf(option, `${flag}=`);
  }
  if (last.startsWith('-')) {
    const options = command.options.filter((option) => !option.hidden && (option.variadic || !used.has(option)));
    const candidates = options.map(({ long, short, description }) => ({
      word: long ?? short ?? '',
      meaning: description,
    }));
    return { candidates: [...candidates, { word: '--help', meaning: 'display help for command' }], mayBeFile: false };
  }
  if (command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command);
    const candidates = visible.map((each) => ({ word: each.name(), meaning: each.description() }));
    return { candidates: plain === 0 ? candidates : [], mayBeFile: false };
  }
  const arguments_ = command.registeredArguments;
  const argument = arguments_[plain] ?? (arguments_.at(-1)?.variadic === true ? arguments_.at(-1) : undefined);
  return argument === undefined ? NOTHING : argumentsOf(argument, known);
}

function argumentsOf(argument: Argument, known: Known): Completions {
  const words = argument.argChoices ?? known[argument.name()]?.() ?? [];
  const candidates = words.map((word) => ({ word, meaning: argument.description }));
  return { candidates, mayBeFile: /^files?$/.test(argument.name()) };
}

function valuesOf({ argChoices, description, flags }: Option, prefix: string): Completions {
  const words = argChoices ?? choicesIn(description);
  return {
    candidates: words.map((word) => ({ word: `${prefix}${word}`, meaning: '' })),
    mayBeFile: words.length === 0 && /<(?:file|folder)>/.test(flags),
  };
}

/** Options that take one of a few words name them first: `text, json or github (…)`. */
function choicesIn(description: string): readonly string[] {
  const list = /^[a-z]+(?:, [a-z]+)* or [a-z]+(?= \(|$)/.exec(description)?.[0];
  return list?.split(/, | or /) ?? [];
}
