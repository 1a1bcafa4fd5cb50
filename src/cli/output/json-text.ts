import { escapedInJson } from './json.js'

/**
 * JSON as somebody else wrote it, laid out for people: with line breaks and indentation, or all on one line. Not a
 * digit of a number changes, as it would by way of values, and what a terminal would act upon is escaped.
 *
 * @returns undefined where the text is no JSON.
 */
export function laidOutJson(text: string, { indented }: { readonly indented: boolean }): string | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const parts: string[] = []
  let depth = 0
  const breakLine = () => {
    if (indented) parts.push('\n', '  '.repeat(Math.min(depth, maxIndentation)))
  }
  for (let at = nextToken(text, 0); at < text.length; at = nextToken(text, at)) {
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
  return parts.join('')
}

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
