// What the scripts need of the machine they run on: commands, system packages, a cache directory.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Something that a person can put right: the message says how. Printed without a stack. */
export class SetupError extends Error {}

/** What is expensive to make and outlives a clone: server binaries, the Debian 13 root. */
export const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rocksdb-cloud-env')

/** The oldest RocksDB with every call that native/ makes. */
const oldestRocksDB = [7, 8]

/**
 * @typedef {object} Requirement
 * @property {string} what for people
 * @property {() => boolean} present
 * @property {string} apt name of the Debian and Ubuntu package
 * @property {string} [brew] name of the Homebrew formula; without one, macOS brings it along
 */

/** @type {Record<'compiler' | 'make' | 'cmake' | 'rocksdb' | 'rocksdbTools' | 'clangFormat' | 'venv' | 'debootstrap', Requirement>} */
export const requirements = {
  compiler: { what: 'a C++17 compiler', present: () => hasCommand('c++'), apt: 'g++' },
  make: { what: 'make', present: () => hasCommand('make'), apt: 'make' },
  cmake: { what: 'CMake', present: () => hasCommand('cmake'), apt: 'cmake', brew: 'cmake' },
  rocksdb: { what: 'RocksDB', present: hasRocksDB, apt: 'librocksdb-dev', brew: 'rocksdb' },
  rocksdbTools: { what: 'ldb and db_bench', present: hasRocksDBTools, apt: 'rocksdb-tools', brew: 'rocksdb' },
  clangFormat: {
    what: 'clang-format',
    present: () => hasCommand('clang-format'),
    apt: 'clang-format',
    brew: 'clang-format',
  },
  venv: { what: 'Python with venv', present: hasVenv, apt: 'python3-venv', brew: 'python@3.13' },
  debootstrap: { what: 'debootstrap', present: () => hasCommand('debootstrap'), apt: 'debootstrap' },
}

/**
 * Installs what is missing with apt or Homebrew.
 * @param {Requirement[]} needed
 * @throws {SetupError} where it cannot, naming what to install
 */
export function ensureInstalled(needed) {
  const missing = needed.filter((requirement) => !requirement.present())
  if (missing.length === 0) return

  const names = missing.map((requirement) => requirement.what).join(', ')
  if (process.platform === 'linux' && hasCommand('apt-get')) {
    const packages = missing.map((requirement) => requirement.apt)
    step(`installing ${packages.join(' ')} with apt-get`)
    const root = asRoot(`apt-get install ${packages.join(' ')}`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const quiet = ['-qq', '-o', 'Dpkg::Use-Pty=0']
    run([...root, 'apt-get', 'update', ...quiet], { env })
    run([...root, 'apt-get', 'install', '-y', '--no-install-recommends', ...quiet, ...packages], {
      env,
      quiet: true,
    })
  } else if (process.platform === 'darwin' && hasCommand('brew')) {
    const formulas = missing.flatMap((requirement) => requirement.brew ?? [])
    step(`installing ${formulas.join(' ')} with Homebrew`)
    if (formulas.length > 0) run(['brew', 'install', '--quiet', ...formulas])
  } else {
    throw new SetupError(
      `Missing: ${names}. This script installs with apt-get (Debian, Ubuntu) or Homebrew only. ` +
        `Install what your system calls ${missing.map((requirement) => requirement.apt).join(', ')}, then run this again.`,
    )
  }

  const still = missing.filter((requirement) => !requirement.present()).map((requirement) => requirement.what)
  if (still.length > 0) throw new SetupError(`Still missing after installing: ${still.join(', ')}.`)
}

/** The version in rocksdb/version.h, or undefined where there is no such header. */
export function rocksDBVersion() {
  const prefixes = [
    ...(process.env.CMAKE_PREFIX_PATH ?? '').split(delimiter),
    ...['/usr/local', '/usr', '/opt/homebrew', '/home/linuxbrew/.linuxbrew'],
  ]
  const header = prefixes
    .filter((prefix) => prefix !== '')
    .map((prefix) => join(prefix, 'include/rocksdb/version.h'))
    .find((path) => existsSync(path))
  if (header === undefined) return undefined
  const text = readFileSync(header, 'utf8')
  return ['MAJOR', 'MINOR', 'PATCH'].map((part) =>
    Number(text.match(new RegExp(`#define ROCKSDB_${part} (\\d+)`))?.[1]),
  )
}

function hasRocksDB() {
  const version = rocksDBVersion()
  if (version === undefined) return false
  const [major = 0, minor = 0] = version
  const [oldestMajor = 0, oldestMinor = 0] = oldestRocksDB
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return true
  throw new SetupError(
    `RocksDB ${version.join('.')} is too old: ${oldestRocksDB.join('.')} or newer is needed. Debian 12, Ubuntu 24.04 and ` +
      'Homebrew have one; a RocksDB built elsewhere is found through CMAKE_PREFIX_PATH.',
  )
}

/** Debian calls them rocksdb_ldb and so on in some releases, ldb in others. */
function hasRocksDBTools() {
  return hasCommand('ldb') || hasCommand('rocksdb_ldb')
}

function hasVenv() {
  return python() !== undefined
}

/** A Python that can make virtual environments. */
export function python() {
  return ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', 'import venv, ensurepip'], { stdio: 'ignore' }).status === 0,
  )
}

/**
 * How to run something as root.
 * @param {string} command for the message
 */
function asRoot(command) {
  if (process.getuid?.() === 0) return []
  if (!hasCommand('sudo')) throw new SetupError(`Run as root: ${command}`)
  return process.stdin.isTTY ? ['sudo'] : ['sudo', '-n']
}

/** @param {string} command */
export function hasCommand(command) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Runs a command to its end.
 * @param {string[]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options] quiet: its output is shown only when it fails
 * @throws {SetupError} when it fails
 */
export function run([file = '', ...args], { cwd, env, quiet = false } = {}) {
  const result = spawnSync(file, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  })
  if (result.status === 0) return
  if (quiet) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  const why =
    result.error?.message ?? (result.signal ? `ended by ${result.signal}` : `exit code ${result.status}`)
  throw new SetupError(`${[file, ...args].join(' ')}: ${why}`)
}

/** @param {string} message what is being done now, for people */
export function step(message) {
  process.stderr.write(`· ${message}\n`)
}

/**
 * The way a script ends on an error: a SetupError is for people, anything else is a bug.
 * @param {unknown} error
 */
export function fail(error) {
  process.stderr.write(
    error instanceof SetupError ? `✗ ${error.message}\n` : `${/** @type {any} */ (error)?.stack ?? error}\n`,
  )
  process.exitCode = 1
}
