import { bold } from './colour.js'

export interface Column<Row> {
  readonly title: string
  /** Numbers go to the right. Default: left. */
  readonly align?: 'left' | 'right'
  /** Printable text: what came from a bucket has been escaped. */
  readonly cell: (row: Row) => string
}

/** Prints the rows below a heading, in columns as wide as they have to be. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  for (const line of tableLines(rows, columns)) console.log(line)
}

/** The lines of the table, its heading first. */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const titles = columns.map((column) => column.title)
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const widths = titles.map((title, at) =>
    cells.reduce((width, line) => Math.max(width, widthOf(line[at]!)), widthOf(title)),
  )
  const aligned = (line: readonly string[]) =>
    line
      .map((cell, at) => {
        const padding = ' '.repeat(widths[at]! - widthOf(cell))
        return columns[at]!.align === 'right' ? padding + cell : cell + padding
      })
      .join('  ')
      .trimEnd()
  return [bold(aligned(titles)), ...cells.map(aligned)]
}

/** Colour takes no room. */
const colours = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;]*m`, 'g')

function widthOf(cell: string): number {
  return Array.from(cell.replace(colours, '')).length
}
