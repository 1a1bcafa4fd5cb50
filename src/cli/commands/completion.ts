import { Argument, Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Candidate, candidates } from '../candidates.js'

/** Scripts that a shell runs once. Each asks `cloudenv complete` for candidates whenever the user wants some. */
const scripts = {
  bash: `_cloudenv() {
  local IFS=$'\\n'
  COMPREPLY=($(cloudenv complete bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _cloudenv cloudenv`,

  zsh: `#compdef cloudenv
_cloudenv() {
  local -a found
  found=("\${(@f)$(cloudenv complete zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then _describe cloudenv found; else _files; fi
}
if [[ "$funcstack[1]" = _cloudenv ]]; then _cloudenv "$@"; else compdef _cloudenv cloudenv; fi`,

  fish: `function __cloudenv_candidates
    set -l words (commandline -opc) (commandline -ct)
    cloudenv complete fish -- $words[2..-1] 2>/dev/null
end
complete -c cloudenv -f -n 'test -n "$(__cloudenv_candidates)"' -a '(__cloudenv_candidates)'`,
} as const

type Shell = keyof typeof scripts
const shells = Object.keys(scripts) as Shell[]

/** Format of a candidate for each shell: a line, with a description if the shell can show one. */
const lines: Readonly<Record<Shell, (candidate: Candidate) => string>> = {
  bash: ({ word }) => word,
  zsh: ({ word, description }) => `${word.replaceAll(':', '\\:')}:${description}`,
  fish: ({ word, description }) => `${word}\t${description}`,
}

export const completionCommand = new Command('completion')
  .description('print what makes a shell complete the commands and options of cloudenv')
  .addArgument(new Argument('<shell>', 'the shell that is to complete').choices(shells))
  .addHelpText(
    'after',
    `
The shell runs cloudenv by that name: it has to be on the PATH, as after npm install --global rocksdb-cloud-env, or, from
a checkout, npm link. Through npx nothing is completed.

Examples, for one session each; for every one put the line into ~/.bashrc, ~/.zshrc (after compinit),
~/.config/fish/config.fish:
  eval "$(cloudenv completion bash)"
  eval "$(cloudenv completion zsh)"
  cloudenv completion fish | source`,
  )
  .action((shell) => console.log(scripts[shell as Shell]))

/** Command that those scripts call. */
export function completeCommand(program: CommandUnknownOpts): CommandUnknownOpts {
  return new Command('complete')
    .addArgument(new Argument('<shell>').choices(shells))
    .argument('[words...]')
    .action((shell, words) => {
      for (const candidate of candidates(program, words)) console.log(lines[shell as Shell](candidate))
    })
}
