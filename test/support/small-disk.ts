import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { temporaryDirectory } from './temporary-directory.js'

/** Suffix of a suite's name if its tests are skipped. */
export const needsRoot = process.getuid?.() === 0 && canMount() ? '' : ' (skipped: needs root and mount)'

const mounted: string[] = []

afterAll(() => {
  for (const disk of mounted.splice(0)) spawnSync('umount', ['-l', disk])
})

/** A disk of that size such as `24m`, in memory, for the tests of the file. More options of tmpfs may follow a comma. */
export function smallDisk(size: string): string {
  const directory = temporaryDirectory('disk')
  const { status, stderr } = mountMemory(directory, size)
  if (status !== 0) throw new Error(`can't mount: ${stderr}`)
  mounted.push(directory)
  return directory
}

/** Takes every further write away from a {@link smallDisk}. */
export function makeReadOnly(disk: string): void {
  const { status, stderr } = spawnSync('mount', ['-o', 'remount,ro', disk], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`can't mount it read-only: ${stderr}`)
}

export function freeBytes(disk: string): number {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

/** Takes all that is left of the disk, for the file of that name. */
export async function fillUp(disk: string, name = 'ballast'): Promise<void> {
  const file = await open(join(disk, name), 'a')
  try {
    // Less at a time, for the last of it may be taken by others.
    for (let bytes = freeBytes(disk); bytes > 0; bytes >>= 1) {
      await file.appendFile(Buffer.alloc(bytes)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error
      })
    }
  } finally {
    await file.close()
  }
}

function mountMemory(directory: string, size: string) {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { encoding: 'utf8' })
}

/** A container may have root and no right to mount. */
function canMount(): boolean {
  const directory = temporaryDirectory('disk')
  if (mountMemory(directory, '1m').status !== 0) return false
  spawnSync('umount', ['-l', directory])
  return true
}
