/** The scripts of `serin completion`: each asks `serin __complete` and hands its answer to the shell in the shell's own way. */
import type { Shell } from './shells.ts';

const BASH = String.raw`# bash completion of serin; made by: serin completion bash
_serin() {
  local line directive=4
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) directive=${'$'}{line#:} ;;
      *) COMPREPLY+=("${'$'}{line%%$'\t'*}") ;;
    esac
  done < <(serin __complete "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # Behind = bash completes the value alone.
  local current=${'$'}{COMP_WORDS[COMP_CWORD]} before=${'$'}{COMP_WORDS[COMP_CWORD-1]}
  if [[ $current == = || $before == = ]]; then COMPREPLY=("${'$'}{COMPREPLY[@]#*=}"); fi
  if (( (directive & 4) == 0 )); then compopt -o default 2>/dev/null; fi
}
complete -F _serin serin
`;

const ZSH = String.raw`#compdef serin
# zsh completion of serin; made by: serin completion zsh
_serin() {
  local line directive=4
  local -a found
  for line in "${'$'}{(@f)$(serin __complete "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :*) directive=${'$'}{line#:} ;;
      *$'\t'*) found+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}") ;;
      ?*) found+=("${'$'}{line//:/\\:}") ;;
    esac
  done
  if (( $#found )); then _describe serin found; fi
  if (( (directive & 4) == 0 )); then _files; fi
}
if [[ $funcstack[1] == _serin ]]; then _serin "$@"; else compdef _serin serin; fi
`;

const FISH = String.raw`# fish completion of serin; made by: serin completion fish
function __serin_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (serin __complete $words[2..-1] "$current" 2>/dev/null)
    for line in $answer
        switch $line
            case ':4'
            case ':*'
                __fish_complete_path "$current"
            case '*'
                echo $line
        end
    end
end
complete -c serin -f -a '(__serin_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export const scriptFor = (shell: Shell): string => SCRIPTS[shell];
