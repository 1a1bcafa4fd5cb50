import { escapedInJson } from './json.js'

/**
 * Lays out somebody else's JSON for people: with line breaks and indentation, or all on one line. No digit of a number
 * changes, as it would if the text were parsed into values, and characters that a terminal would act upon are escaped.
 * Text that would be too long to read stays on one line.
 *
 * @returns undefined if the text is not JSON, or too long even on one line.
 */
export function laidOutJson(text: string, { indented }: { readonly indented: boolean }): string | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  return (indented ? laidOut(text, { indented }) : undefined) ?? laidOut(text, { indented: false })
}

/** Limit over many lines, which are for people. */
const maxIndentedLength = 2 ** 26
/** Limit on one line. V8 allows 2^29. */
const maxLength = 2 ** 28

function laidOut(text: string, { indented }: { readonly indented: boolean }): string | undefined {
  const most = indented ? maxIndentedLength : maxLength
  const parts = new Parts()
  let depth = 0
  const breakLine = () => {
    if (indented) parts.push('\n', '  '.repeat(Math.min(depth, maxIndentation)))
  }
  for (let at = nextToken(text, 0); at < text.length; at = nextToken(text, at)) {
    if (parts.length > most) return undefined
    const token = text.slice(at, tokenEnd(text, at))
    at += token.length
    if (token === '{' || token === '[') {
      parts.push(token)
      const next = nextToken(text, at)
      if (text[next] === '}' || text[next] === ']') {
        parts.push(text[next]!)
        at = next + 1
      } else {
        depth += 1
        breakLine()
      }
    } else if (token === '}' || token === ']') {
      depth -= 1
      breakLine()
      parts.push(token)
    } else if (token === ',') {
      parts.push(token)
      breakLine()
    } else {
      parts.push(token === ':' && indented ? ': ' : escapedInJson(token))
    }
  }
  return parts.length > most ? undefined : parts.text
}

/** Small parts of a long text, joined now and then: each by itself would take as much memory as many characters. */
class Parts {
  length = 0
  readonly #joined: string[] = []
  #parts: string[] = []

  push(...parts: readonly string[]): void {
    for (const part of parts) {
      this.length += part.length
      this.#parts.push(part)
    }
    if (this.#parts.length < joinedParts) return
    this.#joined.push(this.#parts.join(''))
    this.#parts = []
  }

  get text(): string {
    return [...this.#joined, ...this.#parts].join('')
  }
}

const joinedParts = 10_000

/** Text with deeper nesting is not meant to be read. */
const maxIndentation = 50

/** Next token of text that is known to be JSON, after white space. */
function nextToken(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at += 1
  return at
}

function tokenEnd(text: string, start: number): number {
  let end = start + 1
  if ('{}[],:'.includes(text[start]!)) return end
  if (text[start] !== '"') {
    while (end < text.length && !' \t\r\n{}[],:"'.includes(text[end]!)) end += 1
    return end
  }
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}
