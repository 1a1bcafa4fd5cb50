/** Output of a program, for which a test may wait. */
export class AwaitedText {
  text = ''
  readonly #watchers = new Set<() => void>()

  add(piece: string): void {
    this.text += piece
    for (const look of [...this.#watchers]) look()
  }

  /** Resolves with the match as soon as it appears; rejects with the message of `ended` if the program ends first. */
  matching(pattern: RegExp, ended: Promise<string>): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = this.text.match(pattern)
        if (match === null) return
        this.#watchers.delete(look)
        resolve(match)
      }
      this.#watchers.add(look)
      look()
      void ended.then((how) => reject(new Error(how)))
    })
  }
}
