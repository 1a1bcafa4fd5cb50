import { cloudEnvPeer } from './cloud-env-peer.js'
import { copiedRocksDBPeer } from './copied-rocksdb-peer.js'
import type { Peer } from './peer.js'
import { loadSlateDB } from './slatedb-api.js'
import { slateDBPeer } from './slatedb-peer.js'

export type PeerName = keyof typeof openers

const openers = {
  cloudEnv: async () => cloudEnvPeer,
  slateDB: async () => slateDBPeer(await loadSlateDB()),
  copiedRocksDB: async () => copiedRocksDBPeer,
} satisfies Record<string, () => Promise<Peer>>

export async function peerNamed(name: PeerName): Promise<Peer> {
  return await openers[name]()
}
