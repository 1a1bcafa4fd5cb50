import { jsonLine } from './json.js'
import { LineWriter } from './line-writer.js'

/** A JSON document with a list in it that may be too long to be held as a whole. */
export interface ListDocument<Element> {
  /** What comes before the list; at least one member, as of {@link after}. */
  readonly before: object
  /** The member whose value the list is. */
  readonly name: string
  readonly elements: AsyncIterable<Element>
  /** What comes behind the list, asked for when that was written. */
  after(): object
}

/** Prints one JSON document in a line, as {@link printJson} does, the elements of its list as they come. */
export async function printJsonList<Element>(document: ListDocument<Element>): Promise<void> {
  const lines = new LineWriter()
  await lines.writePart(`{${jsonMembers(document.before)},${jsonLine(document.name)}:[`)
  let separator = ''
  for await (const element of document.elements) {
    await lines.writePart(separator + jsonLine(element))
    separator = ','
  }
  await lines.write(`],${jsonMembers(document.after())}}`)
  await lines.flush()
}

/** What is between the braces of an object in JSON. */
export function jsonMembers(value: object): string {
  return jsonLine(value).slice(1, -1)
}
