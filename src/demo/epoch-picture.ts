/** A line of history: its epochs, the oldest first, and what it is called. */
export interface DrawnLine {
  readonly epochs: readonly string[]
  readonly label: string
}

/** Characters of an epoch that tell it from the others of a picture. */
const shown = 4
const column = shown + 2

/**
 * Lines of text that show how lines of history grow out of each other: epochs that several have in common are drawn
 * once, and each line stands below the one that it shares most with. Pure.
 *
 * ```
 * 1f0a──93bd──c04e  orders
 *       ╰─────7d21  orders, branch "experiment"
 * ```
 */
export function epochPicture(lines: readonly DrawnLine[]): string[] {
  const width = Math.max(...lines.map(({ epochs }) => epochs.length)) * column
  let above: readonly string[] = []
  return inOrder(lines).map(({ epochs, label }) => {
    const common = commonLength(above, epochs)
    above = epochs
    const own = epochs.slice(common).map((epoch) => epoch.slice(0, shown))
    const drawn =
      common === 0
        ? own.join('──')
        : `${' '.repeat((common - 1) * column)}╰${'─'.repeat(column - 1)}${own.join('──')}`
    return `${drawn.padEnd(width)}${label}`
  })
}

/** Each line after the one that it has most epochs in common with. */
function inOrder(lines: readonly DrawnLine[]): DrawnLine[] {
  const ordered: DrawnLine[] = []
  for (const line of lines) {
    const shared = ordered.map(({ epochs }) => commonLength(epochs, line.epochs))
    const closest = shared.lastIndexOf(Math.max(...shared))
    ordered.splice(closest + 1, 0, line)
  }
  return ordered
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((epoch, at) => epoch !== b[at])
  return differs === -1 ? Math.min(a.length, b.length) : differs
}
