/**
 * One turn of one database in a process of its own, so that each has its CPU to itself, and one that hangs can be ended.
 * Argument: a {@link Turn} as JSON. Sends its figures to its parent.
 */
import { type PeerName, peerNamed } from './all-peers.js'
import { type Bench, workloads } from './workloads.js'

export interface Turn extends Omit<Bench, 'peer'> {
  readonly peer: PeerName
  readonly workload: keyof typeof workloads
}

const { peer, workload, ...bench } = JSON.parse(process.argv[2]!) as Turn
process.send!(await workloads[workload]({ ...bench, peer: await peerNamed(peer) }))
process.disconnect()
