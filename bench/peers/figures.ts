import type { Cost } from '../cost.js'
import { median } from '../statistics.js'

/** A measurement of which less is better. */
export interface Figure {
  readonly work: string
  readonly unit: string
  readonly value: number
}

/** Time and CPU for each of `count` operations. */
export function timeAndCpu(work: string, count: number, { ms, cpuMs }: Cost): Figure[] {
  return [
    { work, unit: 'µs', value: (ms * 1000) / count },
    { work: `${work}: CPU`, unit: 'µs', value: (cpuMs * 1000) / count },
  ]
}

/** Figures of several sides, from several rounds. */
export class Figures {
  readonly #sides: readonly string[]
  /** Values by side and name of the row, which is the work and the unit. */
  readonly #values = new Map<string, Map<string, number[]>>()

  /** @param sides the first of them is what the others are compared with. */
  constructor(sides: readonly string[]) {
    this.#sides = sides
  }

  add(side: string, figures: readonly Figure[]): void {
    for (const { work, unit, value } of figures) {
      const row = `${work} | ${unit}`
      const values = this.#values.get(row) ?? new Map<string, number[]>()
      this.#values.set(row, values.set(side, [...(values.get(side) ?? []), value]))
    }
  }

  /** A table of medians; beside that of each other side how many times ours it is. */
  print(): void {
    const [ours, ...others] = this.#sides
    console.log(`| work | unit | ${ours} | ${others.map((name) => `${name} | ratio`).join(' | ')} |`)
    console.log(`|---|---|---:|${'---:|---:|'.repeat(others.length)}`)
    for (const [row, values] of this.#values) {
      const own = values.get(ours!)
      const cells = others.flatMap((name) => {
        const theirs = values.get(name)
        if (!theirs) return ['', '']
        return [shown(median(theirs)), own ? shown(median(theirs) / median(own)) : '']
      })
      console.log(`| ${row} | ${own ? shown(median(own)) : ''} | ${cells.join(' | ')} |`)
    }
  }
}

/** Three digits that count. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return ''
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)))
}
