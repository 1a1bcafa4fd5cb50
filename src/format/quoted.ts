/**
 * Quotes text from a bucket for a message: anybody may have put anything of any length there. Characters that would end
 * the quotes or the line are escaped as in JSON.
 */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`)
}

const maxLength = 100
