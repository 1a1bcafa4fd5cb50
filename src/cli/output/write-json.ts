import { base64, LazyJsonBytes } from '../../inspect/json-bytes.js'
import { jsonLine } from './json.js'
import { LineWriter } from './line-writer.js'

/** A document whose lists may arrive one by one while they are written. */
export type Streamed<T> = T extends readonly (infer Element)[]
  ? Iterable<Streamed<Element>> | AsyncIterable<Streamed<Element>>
  : T extends Date
    ? T
    : T extends object
      ? { readonly [Name in keyof T]: Streamed<T[Name]> }
      : T

/** Destination of a document. */
type Parts = Pick<LineWriter, 'writePart'>

/** Longest text that is assembled before it is written. */
const pieceLength = 64 * 1024

/**
 * Prints one JSON document in a line, in the form of {@link jsonLine}, and never holds more of its text than a piece: a
 * bucket may make us print more than fits into a string.
 */
export async function printJson<T>(value: Streamed<T>): Promise<void> {
  const lines = new LineWriter()
  await writeJson(lines, value)
  await lines.write('')
  await lines.flush()
}

/** Writes a value as {@link printJson} does, without a line break. */
export async function writeJson(parts: Parts, value: unknown): Promise<void> {
  if (isShort(value)) await parts.writePart(jsonLine(value))
  else if (typeof value === 'string') await writeString(parts, value)
  else if (value instanceof LazyJsonBytes) await writeBytes(parts, value)
  else if (isList(value)) {
    await parts.writePart('[')
    let separator = ''
    for await (const element of value) {
      await parts.writePart(separator)
      await writeJson(parts, element)
      separator = ','
    }
    await parts.writePart(']')
  } else {
    await parts.writePart('{')
    await writeMembers(parts, value as object)
    await parts.writePart('}')
  }
}

/** Writes the members between the braces of an object. */
export async function writeMembers(parts: Parts, object: object): Promise<void> {
  let separator = ''
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    await parts.writePart(separator)
    await writeJson(parts, name)
    await parts.writePart(':')
    await writeJson(parts, value)
    separator = ','
  }
}

async function writeString(parts: Parts, text: string): Promise<void> {
  await parts.writePart('"')
  for (let start = 0; start < text.length; ) {
    const next = start + pieceLength
    // The two halves of a character are one, and must not be escaped as if each stood alone.
    const end = isSecondHalf(text, next) ? next - 1 : next
    await parts.writePart(jsonLine(text.slice(start, end)).slice(1, -1))
    start = end
  }
  await parts.writePart('"')
}

function isSecondHalf(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800
}

/** Three bytes become four characters. */
const pieceBytes = 3 * 2 ** 14

async function writeBytes(parts: Parts, { bytes, text }: LazyJsonBytes): Promise<void> {
  await parts.writePart('{"base64":"')
  for (let start = 0; start < bytes.length; start += pieceBytes)
    await parts.writePart(base64(bytes.subarray(start, start + pieceBytes)))
  await parts.writePart('","text":')
  await writeJson(parts, text)
  await parts.writePart('}')
}

type List = Iterable<unknown> | AsyncIterable<unknown>

function isList(value: unknown): value is List {
  return (
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
  )
}

/** Reports whether the value may be assembled as a whole. Takes nothing from a list that can be read only once. */
function isShort(value: unknown): boolean {
  return lengthOf(value, pieceLength) <= pieceLength
}

/** Approximate length of the text, or more than `most`. */
function lengthOf(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || value instanceof Date) return shortLength
  if (value instanceof LazyJsonBytes) return 3 * value.bytes.length
  if (!Array.isArray(value) && isList(value)) return Number.POSITIVE_INFINITY
  let length = 0
  const add = (name: string, part: unknown) => {
    length += name.length + lengthOf(part, most - length)
    return length > most
  }
  if (Array.isArray(value)) value.some((element) => add('', element))
  else Object.entries(value).some(([name, member]) => add(name, member))
  return length
}

/** Length of a number, a time, or null. */
const shortLength = 10
