/**
 * The S3 servers of the tests. As vitest's globalSetup it brings MinIO and LocalStack up (or takes those that
 * CLOUDENV_TEST_MINIO and CLOUDENV_TEST_LOCALSTACK name) and provides them:
 *
 * ```ts
 * describe.each(inject('servers'))('$name', (server) => { … })
 * ```
 *
 * All tests share one bucket for each server: each works below a prefix of its own.
 */
import type { TestProject } from 'vitest/node'
import { bucket, credentials, kmsKey, region } from '../../localstack/credentials.mjs'
import { startServers } from '../../localstack/servers.mjs'

export interface S3Server {
  readonly name: 'minio' | 'localstack'
  /** Path-style only. */
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  /** Exists. */
  readonly bucket: string
  /** The one key that the server's KMS knows, undefined where it takes any. */
  readonly kmsKeyId: string | undefined
}

export interface SkippedServer {
  readonly name: string
  readonly reason: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: readonly S3Server[]
    skippedServers: readonly SkippedServer[]
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { running, skipped, stop } = await startServers()
  try {
    const missing = skipped.map(({ name, reason }) => `${name} cannot be had: ${reason}`).join('\n')
    if (missing !== '' && process.env.CI === 'true')
      throw new Error(`CI=true takes every server.\n${missing}`)
    if (missing !== '')
      console.warn(`\n✗ Skipping every test that runs on a server that is missing.\n${missing}\n`)
    const servers = running.map(({ name, endpoint }) => describeServer(name as S3Server['name'], endpoint))
    project.provide('servers', servers)
    project.provide('skippedServers', skipped)
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

function describeServer(name: S3Server['name'], endpoint: string): S3Server {
  return {
    name,
    endpoint,
    ...credentials,
    region,
    bucket,
    kmsKeyId: name === 'minio' ? kmsKey.id : undefined,
  }
}
