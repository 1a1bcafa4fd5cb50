import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Names a running process so that others can tell whether it still runs. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in the kernel's ticks: another process with the same pid has another one. Empty if unknown. */
  readonly started: string
  /** The boot of the machine and the pid namespace: a pid means something only to processes that share them. */
  readonly machine: string
}

export type Liveness = 'running' | 'gone' | 'unknown'

let self: ProcessIdentity | undefined

export function ownIdentity(): ProcessIdentity {
  self ??= { pid: process.pid, started: startOf(process.pid), machine: machine() }
  return self
}

/** Unknown for a process of another machine, of another container, or from before a reboot. */
export function livenessOf(other: ProcessIdentity): Liveness {
  if (other.machine !== ownIdentity().machine) return 'unknown'
  try {
    process.kill(other.pid, 0)
  } catch (error) {
    // EPERM: it runs as another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone'
  }
  return startOf(other.pid) === other.started ? 'running' : 'gone'
}

/** Field 22 of /proc/<pid>/stat. The second field, the command in parentheses, may hold anything. */
function startOf(pid: number): string {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function machine(): string {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'))
  return `${boot ?? hostname()} ${namespace ?? ''}`
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
