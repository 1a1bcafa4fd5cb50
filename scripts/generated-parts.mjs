// Generated parts of docs/cli. A line `<!-- generated: KIND ARGUMENTS -->` stands above each, which is a table or a
// block of code.
import { readFileSync } from 'node:fs'
import { program } from '../dist/cli/program.js'
import { connectionOptions, stateOptions } from '../dist/cli/store-options.js'

/**
 * @callback Generator
 * @param {string} args those of the marker
 * @param {string} present the part as it stands in the page
 * @returns {string} the part as it should be
 */

/**
 * Writes the generated parts of a page anew.
 * @param {string} page
 * @param {Record<string, Generator>} generators one for each kind of part
 */
export function regenerate(page, generators) {
  const part = /(?<=^<!-- generated: (\w+)\b(.*) -->\n)(?:```[\s\S]*?^```\n|(?:\|.*\n)*)/gm
  return page.replaceAll(part, (present, kind, args) => {
    const generate = generators[kind]
    if (generate === undefined) throw new Error(`nothing generates ${kind}`)
    return generate(args.trim(), present)
  })
}

/** Options in docs/cli/README.md, which all commands share. */
const commonOptions = new Set([
  '--json',
  '--help',
  ...[...stateOptions, ...connectionOptions].map(({ long }) => long),
])

/**
 * Table of the options of a command, without those that all commands share.
 * @param {string} name
 */
export function optionsTable(name) {
  const command = program.commands.find((one) => one.name() === name)
  if (command === undefined) throw new Error(`there is no command ${name}`)
  const help = command.createHelp()
  const own = help.visibleOptions(command).filter(({ long = '' }) => !commonOptions.has(long))
  const rows = own.map((option) => {
    const description = help.optionDescription(option).replaceAll('|', '\\|')
    return `| \`${option.flags}\` | ${description} |\n`
  })
  return ['| option | |\n|---|---|\n', ...rows].join('')
}

/**
 * Declarations of the sources, in the form that they have in JSON.
 * @param {string} sources files, whose exported interfaces are meant, or `file#Name` for one declaration
 */
export function jsonTypes(sources) {
  return `\`\`\`ts\n${sources.split(' ').flatMap(declarations).map(inJson).join('\n')}\`\`\`\n`
}

/** @param {string} source */
function declarations(source) {
  const [file = '', name] = source.split('#')
  const comment = String.raw`(?:/\*\*(?:(?!\*/)[\s\S])*\*/\n)?`
  const shape = String.raw`export interface ${name ?? String.raw`\w+`}\b[^{]*\{\n[\s\S]*?^\}\n`
  const type = String.raw`export type ${name} =[\s\S]*?\n(?=\n)`
  const pattern = new RegExp(`^${comment}(?:${name === undefined ? shape : `${shape}|${type}`})`, 'gm')
  const found = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8').match(pattern)
  if (found === null) throw new Error(`${source} exports no such declaration`)
  return found
}

/**
 * Removes the parts of a declaration that only TypeScript knows.
 * @param {string} declaration
 */
function inJson(declaration) {
  const lines = declaration.split('\n').map((line) => {
    if (/^ *(?:\/?\*)/.test(line)) return line
    const plain = line.replace(/^export /, '').replaceAll(/\breadonly /g, '')
    return plain.replaceAll(/\bDate\b/g, 'Time').replaceAll(/\bbigint\b/g, 'Digits')
  })
  return lines.join('\n')
}
