import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings'

/** A word that may stand at the cursor. */
export interface Candidate {
  readonly word: string
  readonly description: string
}

/**
 * Candidates for the next word of a command line.
 * @param words after the program's name; the last one, perhaps empty, is being typed.
 * @returns nothing if any text or file may follow.
 */
export function candidates(program: CommandUnknownOpts, words: readonly string[]): Candidate[] {
  const before = words.slice(0, -1)
  const last = words.at(-1) ?? ''
  // Bash makes three words of `--as=h`, and the last one may not have begun. In other shells it is one word, and is
  // completed as one.
  if (last === '=') return wordCandidates(program, [...before, ''])
  if (before.at(-1) === '=') return wordCandidates(program, [...before.slice(0, -1), last])
  const [, option, value] = /^(--[^=]+)=(.*)$/.exec(last) ?? []
  if (option === undefined || value === undefined) return wordCandidates(program, words)
  return wordCandidates(program, [...before, option, value]).map((candidate) => ({
    ...candidate,
    word: `${option}=${candidate.word}`,
  }))
}

function wordCandidates(program: CommandUnknownOpts, words: readonly string[]): Candidate[] {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const command = commandOf(program, before)
  return offers(command ?? program, before).filter(({ word }) => word.startsWith(typed))

  function offers(current: CommandUnknownOpts, previous: readonly string[]): Candidate[] {
    // The rest is another program's.
    if (previous.includes('--')) return []
    const asked = optionNamed(current, previous.at(-1))
    if (asked && (asked.required || asked.optional)) return plain(asked.argChoices)
    if (typed.startsWith('-')) return current.createHelp().visibleOptions(current).map(optionCandidate)
    if (current.commands.length > 0)
      return current.createHelp().visibleCommands(current).map(commandCandidate)
    return plain(current.registeredArguments[0]?.argChoices)
  }
}

/** Command that the words name, the innermost one. */
function commandOf(program: CommandUnknownOpts, words: readonly string[]): CommandUnknownOpts | undefined {
  const names = words.filter((word) => !word.startsWith('-'))
  let found: CommandUnknownOpts | undefined
  for (const name of names) {
    const next = (found ?? program).commands.find((command) => command.name() === name)
    if (!next) break
    found = next
  }
  return found
}

function optionNamed(command: CommandUnknownOpts, flag: string | undefined): Option | undefined {
  return command.options.find(({ long, short }) => flag !== undefined && (flag === long || flag === short))
}

const optionCandidate = (option: Option): Candidate => ({
  word: option.long ?? option.flags,
  description: option.description,
})

const commandCandidate = (command: CommandUnknownOpts): Candidate => ({
  word: command.name(),
  description: command.description(),
})

const plain = (words: readonly string[] | undefined): Candidate[] =>
  (words ?? []).map((word) => ({ word, description: '' }))
