/** What a program prints, which a test may wait for. */
export class AwaitedText {
  text = ''
  readonly #watchers = new Set<() => void>()

  add(piece: string): void {
    this.text += piece
    for (const look of [...this.#watchers]) look()
  }

  /** Resolves with the match as soon as it is there; rejects with what `ended` says when the program ends before. */
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
