/** Text from a bucket for a message: anybody may have put anything of any length there. */
export function quoted(text: string): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`
}

const maxLength = 100
