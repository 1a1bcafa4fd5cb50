import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { program } from '#src/cli/program.js'
import { jsonTypes, optionsTable, regenerate } from '../../scripts/generated-parts.mjs'

const directory = fileURLToPath(new URL('../../docs/cli/', import.meta.url))
const pages = new Map(
  readdirSync(directory).map((name) => [name, readFileSync(`${directory}${name}`, 'utf8')] as const),
)
const text = [...pages.values()].join('\n')

describe('docs/cli', () => {
  test.each([...pages])('%s has options and JSON shapes as they are in the sources', (_name, page) => {
    const generators = {
      options: optionsTable,
      types: jsonTypes,
      output: (_args: string, present: string) => present,
    }
    expect(page).toBe(regenerate(page, generators))
  })

  test('defines every shape of JSON that it names', () => {
    const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block]) => block)
    const code = blocks.join('').replace(/\/\*\*[\s\S]*?\*\//g, '')
    const defined = [...code.matchAll(/^(?:interface|type) (\w+)/gm)].map(([, name]) => name)
    const named = [...code.matchAll(/\b[A-Z]\w*/g)].map(([name]) => name)
    expect(new Set(named)).toEqual(new Set(defined))
    expect(defined.length).toBe(new Set(defined).size)
    expect(defined).toContain('JsonProblem')
  })

  test('describes every command', () => {
    const headings = new Set([...text.matchAll(/^## (\w+)$/gm)].map(([, name]) => name))
    const names = program
      .createHelp()
      .visibleCommands(program)
      .map((command) => command.name())
    expect(names.filter((name) => name !== 'help' && !headings.has(name))).toEqual([])
    expect(names.length).toBeGreaterThan(10)
  })

  test('has every option of every command, with the command or among those that all share', () => {
    const common = pages.get('README.md')!
    const missing = program.commands.flatMap((command) => {
      const [, table = ''] =
        new RegExp(`<!-- generated: options ${command.name()} -->\n((?:\\|.*\n)*)`).exec(text) ?? []
      const options = command.createHelp().visibleOptions(command)
      return options
        .map(({ flags }) => flags.split(' ')[0]!)
        .filter((flag) => flag !== '-h,' && !`${common}${table}`.includes(`\`${flag}`))
        .map((flag) => `${command.name()} ${flag}`)
    })
    expect(missing).toEqual([])
  })
})
