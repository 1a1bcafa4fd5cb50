import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

interface FioJob {
  readonly read: FioSide
  readonly write: FioSide
}

interface FioSide {
  readonly bw_bytes: number
}

/** Runs fio, by default with pread and pwrite. Resolves with bytes per second of all jobs together. */
export async function fio(
  rw: 'randread' | 'write',
  options: readonly string[],
  engine: 'psync' | 'io_uring' = 'psync',
): Promise<number> {
  const common = [
    '--name=bench',
    `--ioengine=${engine}`,
    '--group_reporting',
    '--output-format=json',
    `--rw=${rw}`,
  ]
  const { stdout } = await promisify(execFile)('fio', [...common, ...options])
  const { jobs } = JSON.parse(stdout) as { readonly jobs: readonly [FioJob] }
  return jobs[0][rw === 'write' ? 'write' : 'read'].bw_bytes
}
