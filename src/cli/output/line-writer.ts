import { once } from 'node:events'

/** Length of a piece to write at once: small lines one by one would cost a system call each. */
const pieceLength = 64 * 1024

/** Writes lines to standard output no faster than they are read there. */
export class LineWriter {
  #piece: string[] = []
  #length = 0

  async write(line: string): Promise<void> {
    await this.writePart(`${line}\n`)
  }

  /** Writes part of a line that is too long to hold as a whole. */
  async writePart(text: string): Promise<void> {
    this.#piece.push(text)
    this.#length += text.length
    if (this.#length >= pieceLength) await this.flush()
  }

  /** Call at the end. */
  async flush(): Promise<void> {
    const text = this.#piece.join('')
    this.#piece = []
    this.#length = 0
    if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain')
  }
}
