import type { Problem } from '../catalog/problem.js'
import { ProblemList } from '../catalog/problem-list.js'
import { EnvError } from '../env/env-error.js'
import { problemLine } from './output/problem.js'

/** Further problems say nothing new of a table that is bad from end to end. */
const maxProblems = 100

/** Unreadable parts of a table that is shown. */
export class TableProblems {
  /** URL of the table. */
  readonly #object: string
  readonly #list = new ProblemList(maxProblems)

  constructor(object: string) {
    this.#object = object
  }

  /** @throws the error if it is no problem of the table: the store failed. */
  readonly note = (error: unknown): void => {
    if (!EnvError.is(error, 'Corruption') && !EnvError.is(error, 'NotSupported')) throw error
    const code = error.code === 'Corruption' ? 'corrupt' : 'unsupported'
    this.#list.push({ code, object: this.#object, message: error.message })
  }

  get all(): readonly Problem[] {
    return this.#list.problems((further) => {
      const message = `${this.#object} has ${further} more problems`
      return { code: 'corrupt', object: this.#object, message }
    })
  }

  print(): void {
    for (const problem of this.all) console.log(`\n${problemLine(problem)}`)
  }
}
