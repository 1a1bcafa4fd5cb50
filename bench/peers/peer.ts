/** One of the databases that are compared, opened and used as its users would. */
export interface Peer {
  readonly name: string
  /** One line for each setting that differs from the default, and what is durable when. */
  readonly settings: readonly string[]
  /** False if an opening finds nothing of what was read or written before, unless it is in the store. */
  readonly keepsOnDisk: boolean
  open(place: PeerPlace): Promise<OpenPeer>
}

export interface PeerPlace {
  readonly bucket: string
  /** Path of the database in the bucket. */
  readonly prefix: string
  readonly endpoint: string
  /** Directory of what is kept locally. An empty one makes everything cold. */
  readonly local: string
}

export interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

export interface OpenPeer {
  /** Resolves as soon as the write can be read. */
  put(entry: Entry): Promise<void>
  /** Resolves once the write survives a power cut, without the store; undefined if only the store keeps anything. */
  readonly putSynced: ((entry: Entry) => Promise<void>) | undefined
  /** Resolves once the writes, made at the same time by many, are in the store. */
  putDurably(entries: readonly Entry[]): Promise<void>
  /** One batch; resolves as {@link put} does. */
  batch(entries: readonly Entry[]): Promise<void>
  /** Resolves once everything is in the store, as tables. */
  flush(): Promise<void>
  get(key: Buffer): Promise<Uint8Array | undefined>
  /** Reads so many entries in order from a key on; resolves with how many there were. */
  scan(from: Buffer, count: number): Promise<number>
  close(): Promise<void>
}

const mib = 1 << 20

/** Settings that all of them share. Small tables give a small database the levels of one that is 16 times as large. */
export const shared = {
  tableBytes: 4 * mib,
  blockCacheBytes: 512 * mib,
  blockBytes: 4096,
  filterBitsPerKey: 10,
} as const
