import { open } from 'node:fs/promises'
import { type FileBody, tooShort, unreadable } from './put-body.js'

/**
 * A range of a file where the SDK's `Upload` takes bytes. `Upload` asks it for its length and for parts only; the
 * sender of a part reads it. With a stream, which `Upload` gathers into parts, an upload takes half as much CPU again
 * and more memory.
 */
export class FileRange extends Uint8Array {
  readonly #file: FileBody
  readonly #offset: number
  readonly #size: number

  constructor(file: FileBody, offset = 0, size = file.size) {
    super()
    this.#file = file
    this.#offset = offset
    this.#size = size
  }

  override get byteLength(): number {
    return this.#size
  }

  override subarray(start = 0, end = this.#size): FileRange {
    return new FileRange(this.#file, this.#offset + start, end - start)
  }

  /** @throws EnvError: the file cannot be read, or is shorter than it was said to be. */
  async read(): Promise<Uint8Array> {
    const file = await open(this.#file.file).catch((error) => {
      throw unreadable(this.#file, error)
    })
    try {
      const content = Buffer.allocUnsafe(this.#size)
      for (let filled = 0; filled < content.length; ) {
        const { bytesRead } = await file.read(content, filled, content.length - filled, this.#offset + filled)
        if (bytesRead === 0) throw tooShort(this.#file, this.#offset + filled)
        filled += bytesRead
      }
      return content
    } finally {
      await file.close()
    }
  }
}
