import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Place for one benchmark in the bucket of the tests, at MinIO. */
export interface FarStore {
  readonly bucket: string
  readonly prefix: string
  /** MinIO as it is. */
  readonly nearEndpoint: string
}

/** @throws if no MinIO runs: `node localstack/servers.mjs run -- npm run bench -- cloud` starts one. */
export function newFarStore(name: string): FarStore {
  const nearEndpoint = process.env.CLOUDENV_TEST_MINIO
  if (!nearEndpoint)
    throw new Error('no MinIO: run this with node localstack/servers.mjs run -- npm run bench -- cloud')
  return { bucket: 'cloudenv-test', prefix: `${name}-${randomBytes(6).toString('hex')}`, nearEndpoint }
}

/** Does the work with an endpoint that is so far away. 0 ms is MinIO itself, with no proxy between. */
export async function withDistance<T>(
  { nearEndpoint }: FarStore,
  latencyMs: number,
  work: (endpoint: string) => Promise<T>,
): Promise<T> {
  if (latencyMs === 0) return await work(nearEndpoint)
  const script = fileURLToPath(new URL('far-proxy.js', import.meta.url))
  const proxy = fork(script, [new URL(nearEndpoint).port, String(latencyMs)])
  try {
    const [port] = (await once(proxy, 'message')) as [number]
    return await work(`http://127.0.0.1:${port}`)
  } finally {
    proxy.disconnect()
  }
}
