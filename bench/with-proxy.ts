import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Does the work with the endpoint of a proxy before the server: a script here, which tells its port first. */
export async function withProxy<T>(
  script: string,
  serverEndpoint: string,
  latencyMs: number,
  work: (endpoint: string, proxy: ChildProcess) => Promise<T>,
): Promise<T> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const proxy = fork(path, [new URL(serverEndpoint).port, String(latencyMs)])
  try {
    const [port] = (await once(proxy, 'message')) as [number]
    return await work(`http://127.0.0.1:${port}`, proxy)
  } finally {
    const exit = once(proxy, 'exit')
    proxy.disconnect()
    await exit
  }
}
