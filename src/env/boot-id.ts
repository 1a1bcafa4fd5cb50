import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * Value that changes with each boot of the machine. Cached bytes are not fsynced (they can be fetched again), so bytes
 * written before a power cut are not trusted after it. If the system does not tell, the value is random: the cache is
 * then cold in each new process.
 */
export function readBootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    if (process.platform === 'darwin') {
      return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'latin1' }).trim()
    }
  } catch {
    // Falls through: an unknown boot is a new boot.
  }
  return randomUUID()
}
