import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import type { Env } from '#src/env/env.js'
import { EnvHost } from '#src/host/env-host.js'
import { scriptedEnv } from './scripted-env.ts'
import { WireClient } from './wire-client.ts'

/** A directory for each test of a file, with a host of an Env that the test describes, closed afterwards. */
export function servedEnv() {
  let directory: string
  let host: EnvHost | undefined

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'host-'))
    return async () => {
      await host?.close()
      host = undefined
      await rm(directory, { recursive: true })
    }
  })

  return {
    get directory() {
      return directory
    },
    get socketPath() {
      return join(directory, 'host.sock')
    },
    /** Starts the host and connects to it. */
    async serve(methods: Partial<Env>): Promise<WireClient> {
      host = await EnvHost.listen(scriptedEnv(methods), this.socketPath)
      return await this.connect()
    },
    connect(): Promise<WireClient> {
      return WireClient.connect(this.socketPath)
    },
    async close(): Promise<void> {
      await host?.close()
    },
  }
}
