import { randomBytes } from 'node:crypto'
import { withProxy } from './with-proxy.js'

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
  return await withProxy('far-proxy.js', nearEndpoint, latencyMs, work)
}
