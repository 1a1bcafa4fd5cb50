import { LineWriter } from './line-writer.js'
import { alignedLine, type Column, cellsOf, columnWidths, headingLine } from './table.js'

/** Number of rows that decide the width of the columns. */
const firstRows = 1_000

/** Writes a table to standard output whose rows come one by one, and may be more than fit into memory. */
export class TableWriter<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #beforeFirst: () => void
  readonly #lines = new LineWriter()
  #first: (readonly string[])[] = []
  #widths: readonly number[] | undefined

  /** @param beforeFirst called before the first line, which may have to wait for many rows. */
  constructor(columns: readonly Column<Row>[], beforeFirst: () => void) {
    this.#columns = columns
    this.#beforeFirst = beforeFirst
  }

  async write(row: Row): Promise<void> {
    const cells = cellsOf(row, this.#columns)
    if (this.#widths) return await this.#lines.write(alignedLine(cells, this.#columns, this.#widths))
    this.#first.push(cells)
    if (this.#first.length === firstRows) await this.#writeFirst()
  }

  /** Call after the last row, even if there was none. */
  async end(): Promise<void> {
    if (!this.#widths) await this.#writeFirst()
    await this.#lines.flush()
  }

  async #writeFirst(): Promise<void> {
    this.#beforeFirst()
    const widths = columnWidths(this.#first, this.#columns)
    this.#widths = widths
    await this.#lines.write(headingLine(this.#columns, widths))
    for (const cells of this.#first) await this.#lines.write(alignedLine(cells, this.#columns, widths))
    this.#first = []
  }
}
