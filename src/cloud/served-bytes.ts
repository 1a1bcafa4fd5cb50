import type { ServedReadableFile } from '../env/env.js'

/** A small file whose content is known. */
export class ServedBytes implements ServedReadableFile {
  readonly kind = 'served'
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#bytes.subarray(offset, offset + length)
  }

  close(): void {
    // Holds nothing.
  }
}
