import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { program } from '#src/cli/program.js'

const text = readFileSync(fileURLToPath(new URL('../../docs/cli.md', import.meta.url)), 'utf8')

describe('docs/cli.md', () => {
  test('defines every shape of JSON that it names', () => {
    const blocks = [...text.matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)].map(([, block]) => block)
    const code = blocks.join('').replace(/\/\*\*[\s\S]*?\*\//g, '')
    const defined = [...code.matchAll(/^(?:interface|type) (\w+)/gm)].map(([, name]) => name)
    const named = [...code.matchAll(/\b[A-Z]\w*/g)].map(([name]) => name)
    expect(new Set(named)).toEqual(new Set(defined))
    expect(defined.length).toBe(new Set(defined).size)
    expect(defined).toContain('JsonProblem')
  })

  test('has every option of every command, or it stands with those that are common to all', () => {
    const common = text.slice(text.indexOf('## Common to all'), text.indexOf('## Shared shapes'))
    const missing = program.commands.flatMap((command) => {
      const [, table = ''] =
        new RegExp(`<!-- options: ${command.name()} -->\n((?:\\|.*\n)*)`).exec(text) ?? []
      const options = command.createHelp().visibleOptions(command)
      return options
        .map(({ flags }) => flags.split(' ')[0]!)
        .filter((flag) => flag !== '-h,' && !`${common}${table}`.includes(`\`${flag}`))
        .map((flag) => `${command.name()} ${flag}`)
    })
    expect(missing).toEqual([])
    expect(program.commands.length).toBeGreaterThan(10)
  })
})
