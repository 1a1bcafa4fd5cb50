import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** True only on a terminal with colours, unless NO_COLOR is set (https://no-color.org). */
const isColourful =
  process.stdout.isTTY === true &&
  !process.env.NO_COLOR && // An empty one does not count.
  process.env.TERM !== 'dumb'

const painter = (format: Format) => (text: string) => (isColourful ? styleText(format, text) : text)

export const bold = painter('bold')
export const dim = painter('dim')
/** For faults. */
export const red = painter('red')
/** For things that cost money without being of use. */
export const yellow = painter('yellow')
/** For things that are well. */
export const green = painter('green')
/** For things that stand out among the rest. */
export const cyan = painter('cyan')
