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

/** Values that arguments and options may have, by their own name; read only where one is asked for. `given`: values of other options. */
export type Known = Readonly<Record<string, (given: ReadonlyMap<string, string>) => readonly string[]>>;

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
  /** By the option's own name, e.g. `library`. */
  readonly given: ReadonlyMap<string, string>;
  /** Behind `help`: only commands may follow. */
  readonly isHelp?: true;
  /** Its value comes next. */
  readonly open?: Option;
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, plain: 0, used: new Set(), given: new Map() };
  for (const word of words) {
    const { command, plain, used, given, open } = place;
    if (open !== undefined) {
      place = { command, plain, used, given: new Map([...given, [open.attributeName(), word]]) };
      continue;
    }
    if (word === 'help' && plain === 0 && command.commands.length > 0) {
      place = { ...place, isHelp: true };
      continue;
    }
    if (word.startsWith('-') && word !== '-') {
      const [flag = '', value] = word.split('=');
      const option = command.options.find(({ long, short }) => long === flag || short === flag);
      if (option === undefined) continue;
      const hasValue = word.includes('=') || !(option.required || option.optional);
      const values = value === undefined ? given : new Map([...given, [option.attributeName(), value]]);
      place = {
        command,
        plain,
        used: new Set([...used, option]),
        given: values,
        ...(hasValue ? {} : { open: option }),
      };
      continue;
    }
    const inner = plain === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    place =
      inner === undefined
        ? { ...place, plain: plain + 1 }
        : { ...place, command: inner, plain: 0, used: new Set(), given: new Map() };
  }
  return place;
}

function candidatesFor(place: Place, last: string, known: Known): Completions {
  const { command, plain, used, given, open, isHelp } = place;
  if (open !== undefined) return valuesOf(open, '', known, given);
  const [flag = '', value] = last.split('=');
  if (last.startsWith('--') && value !== undefined) {
    const option = command.options.find(({ long }) => long === flag);
    return option === undefined ? NOTHING : valuesOf(option, `${flag}=`, known, given);
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
    const visible = command
      .createHelp()
      .visibleCommands(command)
      .filter((each) => isHelp !== true || each.name() !== 'help');
    const candidates = visible.map((each) => ({ word: each.name(), meaning: each.description() }));
    return { candidates: plain === 0 ? candidates : [], mayBeFile: false };
  }
  if (isHelp === true) return NOTHING;
  const arguments_ = command.registeredArguments;
  const argument = arguments_[plain] ?? (arguments_.at(-1)?.variadic === true ? arguments_.at(-1) : undefined);
  return argument === undefined ? NOTHING : argumentsOf(argument, known, given);
}

function argumentsOf(argument: Argument, known: Known, given: Place['given']): Completions {
  const words = argument.argChoices ?? known[argument.name()]?.(given) ?? [];
  const candidates = words.map((word) => ({ word, meaning: argument.description }));
  return { candidates, mayBeFile: /^files?$/.test(argument.name()) };
}

function valuesOf(option: Option, prefix: string, known: Known, given: Place['given']): Completions {
  const { argChoices, description, flags } = option;
  const words = argChoices ?? known[option.attributeName()]?.(given) ?? choicesIn(description);
  return {
    candidates: words.map((word) => ({ word: `${prefix}${word}`, meaning: '' })),
    mayBeFile: /<query>/.test(flags) || (words.length === 0 && /<(?:file|folder)>/.test(flags)),
  };
}

/** Options that take one of a few words name them first: `text, json or github (…)`, `only latency or volume`. */
function choicesIn(description: string): readonly string[] {
  const list = /^(?:only )?([a-z-]+(?:, [a-z-]+)* or [a-z-]+)(?= \(|$)/.exec(description)?.[1];
  return list?.split(/, | or /) ?? [];
}
