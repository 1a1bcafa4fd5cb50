import type { Problem, ProblemCode } from './problem.js'

/** First problems of something that may be bad from end to end. Further ones are only counted. */
export class ProblemList {
  readonly #limit: number
  readonly #kept: Problem[] = []
  #further = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0
  }

  has(code: ProblemCode): boolean {
    return this.#kept.some((problem) => problem.code === code)
  }

  push(problem: Problem): void {
    if (this.#kept.length < this.#limit) this.#kept.push(problem)
    else this.#further += 1
  }

  /** Problems that were kept, and one for all others. */
  problems(summary: (further: number) => Problem): readonly Problem[] {
    return this.#further === 0 ? this.#kept : [...this.#kept, summary(this.#further)]
  }
}
