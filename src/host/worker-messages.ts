import type { EnvEvent } from '../env/env.js'
import { EnvError, type EnvErrorCode, type EnvErrorScope } from '../env/env-error.js'
import type { StateSelector } from '../env/state-selector.js'
import type { WarmUpOptions, WarmUpProgress } from '../env/warm-up.js'

/** Start parameters of the thread that hosts an Env. */
export interface WorkerInput {
  /** URL of the module. */
  readonly module: string
  readonly export: string
  readonly options: unknown
  readonly socketPath: string
}

/** To the worker. The reply carries the same id. */
export type WorkerRequest = { readonly id: number } & HostCall

/** A method of the Env's host. */
export type HostCall =
  | { readonly method: 'metrics' | 'close' | 'expire' }
  | { readonly method: 'abandon'; readonly directory: string }
  | { readonly method: 'stateAt'; readonly directory: string; readonly at: StateSelector }
  | { readonly method: 'releaseState'; readonly path: string }
  | { readonly method: 'listen'; readonly names: readonly string[] }
  | { readonly method: 'warmUp'; readonly directory: string; readonly options: WarmUpTerms }
  /** Ends a warm-up, by the id of its request. */
  | { readonly method: 'endWarmUp'; readonly request: number }

/** Options of a warm-up that can be copied to another thread. */
export type WarmUpTerms = Omit<WarmUpOptions, 'signal' | 'onProgress'>

/** From the worker. */
export type WorkerMessage = WorkerReply | { readonly events: readonly EnvEvent[] } | WorkerProgress

/** From the worker: how far a request has come, by its id. */
export interface WorkerProgress {
  readonly id: number
  readonly progress: WarmUpProgress
}

/** From the worker: one with id 0 once it listens or has failed to, then one for each request. */
export type WorkerReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ThrownValue }

/** An error as it crosses threads: structured cloning alone would lose its class and code. */
export interface ThrownValue {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly retryable: boolean
  readonly scope: EnvErrorScope
}

export function toThrownValue(error: unknown): ThrownValue {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const code = (error as NodeJS.ErrnoException | undefined | null)?.code
  const { retryable, scope } =
    error instanceof EnvError ? error : { retryable: false, scope: 'file' as const }
  return { name, message, stack, code: typeof code === 'string' ? code : undefined, retryable, scope }
}

const builtIn: Readonly<Record<string, new (message: string) => Error>> = {
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
}

/** An error of the same class, if that is EnvError or a built-in one. */
export function fromThrownValue(thrown: ThrownValue): Error {
  const { name, message, stack, code, retryable, scope } = thrown
  if (name === 'EnvError') return new EnvError(code as EnvErrorCode, message, { retryable, scope })
  const error = new (builtIn[name] ?? Error)(message)
  if (stack !== undefined) error.stack = stack
  if (code !== undefined) Object.assign(error, { code })
  return error
}
