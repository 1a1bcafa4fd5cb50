import stringWidth from 'string-width'
import { bold } from './colour.js'

export interface Column<Row> {
  readonly title: string
  /** `right` for numbers. Default: left. */
  readonly align?: 'left' | 'right'
  /** Printable text: text from a bucket has been escaped. */
  readonly cell: (row: Row) => string
}

/** Prints the rows below a heading, in columns just wide enough. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  for (const line of tableLines(rows, columns)) console.log(line)
}

/** Lines of the table, its heading first. */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const cells = rows.map((row) => cellsOf(row, columns))
  const widths = columnWidths(cells, columns)
  return [headingLine(columns, widths), ...cells.map((line) => alignedLine(line, columns, widths))]
}

type Cells = readonly string[]

export function cellsOf<Row>(row: Row, columns: readonly Column<Row>[]): Cells {
  return columns.map((column) => column.cell(row))
}

/** Widths that these cells and the titles need. */
export function columnWidths<Row>(lines: readonly Cells[], columns: readonly Column<Row>[]): number[] {
  return columns.map(({ title }, at) =>
    lines.reduce((width, cells) => Math.max(width, stringWidth(cells[at]!)), stringWidth(title)),
  )
}

export function headingLine<Row>(columns: readonly Column<Row>[], widths: readonly number[]): string {
  const titles = columns.map(({ title }) => title)
  return bold(alignedLine(titles, columns, widths))
}

/** A cell that is wider than its column moves the rest of its line to the right. */
export function alignedLine<Row>(
  cells: Cells,
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  const aligned = cells.map((cell, at) => {
    const padding = ' '.repeat(Math.max(0, widths[at]! - stringWidth(cell)))
    return columns[at]!.align === 'right' ? padding + cell : cell + padding
  })
  return aligned.join('  ').trimEnd()
}
