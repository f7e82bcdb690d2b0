/** `serin completion bash|zsh|fish`: a script for the shell, which asks this program what may come next. */
import { Argument, type Command } from 'commander';
import { SHELLS, type Shell } from './completion/shells.ts';

async function completion(shell: Shell): Promise<void> {
  const { scriptFor } = await import('./completion/scripts.ts');
  process.stdout.write(scriptFor(shell));
}

export function register(program: Command): void {
  program
    .command('completion')
    .description('a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  serin completion bash > ~/.local/share/bash-completion/completions/serin
  serin completion zsh > "\${fpath[1]}/_serin"
  serin completion fish > ~/.config/fish/completions/serin.fish

kubectl completes \`kubectl serin\` by itself where kubectl_complete-serin is on the PATH.`,
    )
    .action(completion);
}
