import { type NativeDatabase, native, type OpenRequest, type Settings } from '../binding/native.js'
import { RocksDBError } from '../binding/rocksdb-error.js'
import { EnvError } from '../env/env-error.js'
import { realPath } from '../env/real-path.js'
import type { HostedEnv } from '../host/hosted-env.js'
import { describe } from '../options/describe.js'
import { checkOptions, isRecord } from '../options/shape.js'
import { callChecks } from './call-checks.js'
import type { ListOptions, OpenOptions } from './call-options.js'
import { refuseCloudDirectory } from './cloud-directory.js'
import { EnvUse } from './env-use.js'
import { called } from './native-call.js'
import { checkArena } from './option-limits.js'
import { type RocksDBOptions, settingsOf } from './options.js'
import { boundedTimeout } from './timeout.js'
import { untilNotOvertaken } from './until-not-overtaken.js'

export interface OpenedDatabase {
  /** Without symbolic links. */
  readonly path: string
  readonly native: NativeDatabase
  /** Ends when the database is closed. */
  readonly use: EnvUse
  readonly readOnly: boolean
  /** Options of the database, including the defaults of its Env. */
  readonly settings: Settings
}

/** Checks the options, starts the Env, opens the database. See {@link RocksDB.open}. */
export async function openDatabase(path: string, options: OpenOptions): Promise<OpenedDatabase> {
  const request = requestOf(path, options)
  const { env, at } = options
  const timeoutMs = boundedTimeout(options.timeoutMs ?? Number.POSITIVE_INFINITY)
  const use = new EnvUse(env, request.path)
  try {
    const socketPath = await socketOf(env, request.path)
    const database = await called(
      use.within(timeoutMs, async () => {
        const path = at === undefined ? request.path : await use.stateAt(at)
        return untilNotOvertaken(() => native.open({ ...request, path, socketPath }))
      }),
    )
    return { ...request, native: database, use }
  } catch (error) {
    use.end()
    throw error
  }
}

/** See {@link RocksDB.listColumnFamilies}. */
export async function listFamilies(path: string, options: ListOptions): Promise<string[]> {
  checkPath(path)
  checkOptions('listColumnFamilies', options, callChecks.listColumnFamilies)
  const absolutePath = realPath(path)
  const socketPath = await socketOf(options.env, absolutePath)
  return await called(native.listColumnFamilies(absolutePath, socketPath))
}

/** @throws TypeError or RangeError that says what is wrong with the path or an option. */
function requestOf(path: string, options: OpenOptions): Omit<OpenRequest, 'socketPath'> {
  checkPath(path)
  checkOptions('open', options, callChecks.open)
  const { env, columnFamilies = {}, onlyNamedFamilies = false } = options
  checkPastState(options)
  const readOnly = options.readOnly ?? options.at !== undefined
  if (onlyNamedFamilies && !readOnly)
    throw new TypeError('expected "onlyNamedFamilies" with "readOnly": who writes opens every column family')
  const settings = [
    ...settingsOf({ create_if_missing: true, create_missing_column_families: true }),
    ...settingsOf(env?.defaultOptions ?? {}),
    ...settingsOf(options.options ?? {}),
    ...creation(options.createIfMissing),
  ]
  if (!isRecord(columnFamilies))
    throw new TypeError(
      `expected "columnFamilies" to be an object of names and options, got ${describe(columnFamilies)}`,
    )
  const families = Object.entries(columnFamilies).map(([name, own]) => ({
    name,
    settings: settingsOf(own, `columnFamilies.${name}`),
  }))
  for (const own of [options.options ?? {}, ...Object.values(columnFamilies)])
    checkAllowed(own, env?.refusedOptions)
  for (const own of [[], ...families.map((family) => family.settings)]) checkArena([...settings, ...own])
  // One name for one directory, even through symbolic links: RocksDB locks by name within a process.
  return { path: realPath(path), readOnly, onlyNamedFamilies, settings, families }
}

/** @throws TypeError if a past state is asked for in a way that cannot be. */
function checkPastState({ at, env, readOnly, createIfMissing }: OpenOptions): void {
  if (at === undefined) return
  if (!env?.stateAt)
    throw new TypeError('expected "env" to be one that has past states, as cloudEnv() makes it, with "at"')
  if (readOnly === false)
    throw new TypeError('expected "readOnly" to be true with "at": a past state never changes')
  if (createIfMissing)
    throw new TypeError('expected "createIfMissing" to be false with "at": a past state never changes')
}

/** @throws RangeError if the Env doesn't accept one of the options. */
export function checkAllowed(options: RocksDBOptions, refused: HostedEnv['refusedOptions'] = {}): void {
  for (const [name, reason] of Object.entries(refused)) {
    if (Object.hasOwn(options, name))
      throw new RangeError(`option "${name}" can't be used with this Env: ${reason}`)
  }
}

function checkPath(path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '') return
  throw new TypeError(
    `expected the path of the database to be a string that is not empty, got ${describe(path)}`,
  )
}

function creation(createIfMissing: boolean | undefined): Settings {
  if (createIfMissing === undefined) return []
  return settingsOf({ create_if_missing: createIfMissing, create_missing_column_families: createIfMissing })
}

/** Socket path of the directory's Env; empty for the local file system. */
async function socketOf(env: HostedEnv | undefined, path: string): Promise<string> {
  if (env) {
    checkLiesIn(env, path)
    return env.start()
  }
  await refuseCloudDirectory(path)
  return ''
}

function checkLiesIn(env: HostedEnv, path: string): void {
  try {
    env.checkPath?.(path)
  } catch (error) {
    if (!EnvError.is(error)) throw error
    throw new RocksDBError(error.code, `cannot open "${path}": ${error.message}`, { cause: error })
  }
}
