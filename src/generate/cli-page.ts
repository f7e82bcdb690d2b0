/** The reference of the command line, from the tree of commands itself. */
import type { Argument, Command, Option } from 'commander';
import { createProgram } from '../cli/program.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '\\<').replaceAll('\n', ' ');

/** Every command with its arguments and options, in the order of `serin --help`. */
export function cliMarkdown(): string {
  const program = createProgram();
  const all = leavesOf(program);
  const overview = all.map(
    ({ name, command }) => `| [\`${name}\`](#${anchorOf(name)}) | ${cell(command.description())} |`,
  );
  return [
    '| Command | |',
    '| --- | --- |',
    ...overview,
    '',
    ...all.map(({ name, command }) => sectionOf(name, command)),
  ].join('\n');
}

interface Leaf {
  /** With all names above it, e.g. `serin query list`. */
  readonly name: string;
  readonly command: Command;
}

/** Commands that do something themselves. */
export function leavesOf(command: Command, above = ''): readonly Leaf[] {
  const name = above === '' ? command.name() : `${above} ${command.name()}`;
  return command.commands.length === 0
    ? [{ name, command }]
    : command.commands.flatMap((inner) => leavesOf(inner, name));
}

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');

function sectionOf(name: string, command: Command): string {
  const { registeredArguments, options } = command;
  const usage = [name, ...(options.length === 0 ? [] : ['[options]']), ...registeredArguments.map(usageOf)].join(' ');
  const rows = options
    .filter(({ hidden }) => !hidden)
    .map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${meaningOf(option)} |`);
  const more = addedHelp(command);
  return [
    `## ${name}`,
    '',
    `${sentence(command.description())}`,
    '',
    '```sh',
    usage,
    '```',
    '',
    ...(rows.length === 0 ? [] : ['| Option | |', '| --- | --- |', ...rows, '']),
    ...(options.some(({ long }) => long === '--config')
      ? ['Each of the [settings](settings.md) is an option, too.', '']
      : []),
    ...(more === '' ? [] : ['```text', more, '```', '']),
  ].join('\n');
}

function usageOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function meaningOf({ description, defaultValue, argChoices, mandatory }: Option): string {
  const notes = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(defaultValue === undefined || typeof defaultValue === 'boolean' ? [] : [`default: ${String(defaultValue)}`]),
    ...(mandatory ? ['required'] : []),
  ];
  return cell(notes.length === 0 ? description : `${description} (${notes.join('; ')})`);
}

/** What stands below the options in `--help`. */
function addedHelp(command: Command): string {
  const written: string[] = [];
  command.configureOutput({ writeOut: (text) => void written.push(text), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return written.join('').slice(command.helpInformation().length).trim();
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?]$/.test(text) ? '' : '.'}`;
