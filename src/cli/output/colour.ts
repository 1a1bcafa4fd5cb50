import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** On a terminal only, and never where NO_COLOR is set (https://no-color.org) or the terminal has none. */
const isColourful =
  process.stdout.isTTY === true &&
  !process.env.NO_COLOR && // An empty one does not count.
  process.env.TERM !== 'dumb'

const painter = (format: Format) => (text: string) => (isColourful ? styleText(format, text) : text)

export const bold = painter('bold')
export const dim = painter('dim')
/** What is wrong. */
export const red = painter('red')
/** What costs without being of use. */
export const yellow = painter('yellow')
/** What is well. */
export const green = painter('green')
/** What stands out among the rest. */
export const cyan = painter('cyan')
