/**
 * The thread that hosts an Env beside the engine. It has its own event loop, so that a RocksDB call that blocks the
 * main thread can wait for this one.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assertEnv } from '../env/assert-env.js'
import type { Env } from '../env/env.js'
import { noPastStates } from '../env/no-past-states.js'
import { noWarmUp, type WarmUpProgress, type WarmUpResult } from '../env/warm-up.js'
import { EnvHost } from './env-host.js'
import {
  toThrownValue,
  type WorkerInput,
  type WorkerMessage,
  type WorkerReply,
  type WorkerRequest,
} from './worker-messages.js'

const input = workerData as WorkerInput
const port = parentPort!
/** Ends of the warm-ups under way, by the id of the request. */
const warmUps = new Map<number, AbortController>()

await reply(0, async () => {
  const env = await createEnv(input)
  const host = await EnvHost.listen(env, input.socketPath)
  port.on('message', (request: WorkerRequest) => void reply(request.id, () => perform(request, host, env)))
})

function perform(call: WorkerRequest, host: EnvHost, env: Env): unknown {
  switch (call.method) {
    case 'metrics':
      return env.metrics?.()
    case 'abandon':
      return host.abandon(call.directory)
    case 'stateAt':
      if (!env.stateAt) throw noPastStates()
      return env.stateAt(call.directory, call.at)
    case 'releaseState':
      return env.releaseState?.(call.path)
    case 'listen':
      return env.listen?.(call.names, (events) => post({ events }))
    case 'warmUp':
      return warmUp(call, env)
    case 'endWarmUp':
      return warmUps.get(call.request)?.abort()
    case 'expire':
      return host.expire()
    case 'close':
      return host.close()
  }
}

async function warmUp(
  { id, directory, options }: Extract<WorkerRequest, { method: 'warmUp' }>,
  env: Env,
): Promise<WarmUpResult> {
  if (!env.warmUp) throw noWarmUp()
  const end = new AbortController()
  warmUps.set(id, end)
  try {
    const onProgress = (progress: WarmUpProgress) => post({ id, progress })
    return await env.warmUp(directory, { ...options, signal: end.signal, onProgress })
  } finally {
    warmUps.delete(id)
  }
}

async function createEnv({ module, export: name, options }: WorkerInput): Promise<Env> {
  const exports: Record<string, unknown> = await import(module)
  const factory = exports[name]
  if (typeof factory !== 'function')
    throw new TypeError(`expected ${module} to export a function "${name}", got ${typeof factory}`)
  const env: unknown = await factory(options)
  assertEnv(env, `"${name}" of ${module}`)
  return env
}

async function reply(id: number, work: () => unknown): Promise<void> {
  let message: WorkerReply
  try {
    message = { id, value: await work() }
  } catch (error) {
    message = { id, error: toThrownValue(error) }
  }
  post(message)
}

function post(message: WorkerMessage): void {
  port.postMessage(message)
}
