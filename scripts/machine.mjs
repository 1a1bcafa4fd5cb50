// Needs of the scripts on the machine they run on: commands, system packages, a cache directory.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** An error that a person can fix: the message says how. Printed without a stack. */
export class SetupError extends Error {}

/** Directory of things that are expensive to make and outlive a clone: server binaries, the Debian 13 root. */
export const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rocksdb-cloud-env')

/**
 * @typedef {object} Requirement
 * @property {string} what for people
 * @property {() => boolean} present
 * @property {string} apt name of the Debian and Ubuntu package
 * @property {string} [brew] name of the Homebrew formula; without one, macOS brings it along
 */

/** @type {Record<'compiler' | 'make' | 'cmake' | 'rocksdb' | 'rocksdbTools' | 'clangFormat' | 'venv' | 'mmdebstrap', Requirement>} */
export const requirements = {
  compiler: { what: 'a C++17 compiler', present: () => hasCommand('c++'), apt: 'g++' },
  make: { what: 'make', present: () => hasCommand('make'), apt: 'make' },
  cmake: { what: 'CMake', present: () => hasCommand('cmake'), apt: 'cmake', brew: 'cmake' },
  rocksdb: {
    what: 'RocksDB',
    present: () => rocksDBHeader() !== undefined,
    apt: 'librocksdb-dev',
    brew: 'rocksdb',
  },
  rocksdbTools: {
    what: 'ldb and db_bench',
    present: () => hasCommand('ldb'),
    apt: 'rocksdb-tools',
    brew: 'rocksdb',
  },
  clangFormat: {
    what: 'clang-format',
    present: () => hasCommand('clang-format'),
    apt: 'clang-format',
    brew: 'clang-format',
  },
  venv: {
    what: 'Python with venv',
    present: () => python() !== undefined,
    apt: 'python3-venv',
    brew: 'python@3.13',
  },
  mmdebstrap: { what: 'mmdebstrap', present: () => hasCommand('mmdebstrap'), apt: 'mmdebstrap' },
}

/**
 * Installs missing packages with apt or Homebrew.
 * @param {Requirement[]} needed
 * @throws {SetupError} if it cannot, naming the packages to install
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

/** Path of rocksdb/version.h; undefined if there is none. CMake decides which versions will do. */
export function rocksDBHeader() {
  const prefixes = [
    ...(process.env.CMAKE_PREFIX_PATH ?? '').split(delimiter).filter((prefix) => prefix !== ''),
    ...['/usr/local', '/usr', '/opt/homebrew', '/home/linuxbrew/.linuxbrew'],
  ]
  return prefixes.map((prefix) => join(prefix, 'include/rocksdb/version.h')).find((path) => existsSync(path))
}

/** A Python that can make virtual environments. */
export function python() {
  return ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', 'import venv, ensurepip'], { stdio: 'ignore' }).status === 0,
  )
}

/**
 * Prefix that runs a command as root.
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
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options] quiet: its output is shown only if it
 * fails
 * @throws {SetupError} if it fails
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

/** @param {string} message says what is being done now, for people */
export function step(message) {
  process.stderr.write(`· ${message}\n`)
}

/**
 * Ends a script on an error: a SetupError is for people, anything else is a bug.
 * @param {unknown} error
 */
export function fail(error) {
  process.stderr.write(
    error instanceof SetupError ? `✗ ${error.message}\n` : `${/** @type {any} */ (error)?.stack ?? error}\n`,
  )
  process.exitCode = 1
}
