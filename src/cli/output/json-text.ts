import { escapedInJson } from './json.js'

/**
 * JSON as somebody else wrote it, laid out for people: with line breaks and indentation, or all on one line. Not a
 * digit of a number changes, as it would by way of values, and what a terminal would act upon is escaped. Where that
 * would be too long to be read, it is on one line.
 *
 * @returns undefined where the text is no JSON, or too long even so.
 */
export function laidOutJson(text: string, { indented }: { readonly indented: boolean }): string | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  return (indented ? laidOut(text, { indented }) : undefined) ?? laidOut(text, { indented: false })
}

/** Over many lines, which are for people. */
const maxIndentedLength = 2 ** 26
/** V8 allows 2^29. */
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

/** Small parts of a long text, put together now and then: each by itself would take as much as many characters. */
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

/** Who nests deeper has other things in mind than to be read. */
const maxIndentation = 50

/** The text is known to be JSON: what follows white space is a token. */
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
