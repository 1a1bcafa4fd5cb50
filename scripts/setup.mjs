#!/usr/bin/env node
// Makes a clone ready to run: system packages, npm packages, the native part, TypeScript. Parts that are up to date are
// skipped, so a second run takes a fraction of a second. Plain Node, because nothing is installed yet.
//
//   node scripts/setup.mjs            everything that the demo needs
//   node scripts/setup.mjs --tests    and what the tests need besides
//   node scripts/setup.mjs --native   the native part alone: all that a package installed from npm lacks
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, fail, requirements, rocksDBHeader, run, SetupError, step } from './machine.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const nativeBuild = join(root, 'build/native')

try {
  const flags = new Set(process.argv.slice(2))
  checkNode()
  const { compiler, make, cmake, rocksdb, rocksdbTools, clangFormat } = requirements
  ensureInstalled([
    compiler,
    make,
    cmake,
    rocksdb,
    ...(flags.has('--tests') ? [rocksdbTools, clangFormat] : []),
  ])
  if (flags.has('--native')) buildNative(['-DCMAKE_BUILD_TYPE=Release'])
  else {
    installPackages()
    buildNative(['-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DCLOUDENV_WARNINGS_AS_ERRORS=ON'])
    compileTypeScript()
  }
} catch (error) {
  fail(error)
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const oldest = engines.node.replace('>=', '')
  if (process.versions.node.localeCompare(oldest, 'en', { numeric: true }) >= 0) return
  throw new SetupError(
    `Node.js ${oldest} or newer is needed; this is ${process.versions.node}. See https://nodejs.org.`,
  )
}

function installPackages() {
  if (packagesMatchLock()) return
  step('installing npm packages')
  const npm = process.env.npm_execpath
  run([...(npm ? [process.execPath, npm] : ['npm']), 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    quiet: true,
  })
}

/**
 * Reports whether node_modules matches the lock file. npm leaves a copy of the installed packages there; packages for
 * other systems are not in it.
 */
function packagesMatchLock() {
  const installedFile = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installedFile)) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || (path in installed ? installed[path].version === version : optional === true),
  )
}

/** @param {string[]} options */
function buildNative(options) {
  const header = rocksDBHeader()
  const inputs = [join(root, 'native'), ...(header ? [header] : [])]
  const outputs = ['cloudenv_native.node', 'libcloudenv.so'].map((name) => join(nativeBuild, name))
  whenChanged('native', inputs, outputs, () => {
    step('building the native part (up to a minute)')
    forgetOtherPlace()
    // Most of the work is reading RocksDB's headers: files that are compiled together share it.
    const together = ['-DCMAKE_UNITY_BUILD=ON', '-DCMAKE_UNITY_BUILD_BATCH_SIZE=10']
    run(['cmake', '-S', join(root, 'native'), '-B', nativeBuild, ...together, ...options], { quiet: true })
    run(['cmake', '--build', nativeBuild, '--parallel', String(availableParallelism())], { quiet: true })
  })
}

/** Removes a build directory that was made elsewhere, for example before a clone was moved: CMake refuses it. */
function forgetOtherPlace() {
  const cache = join(nativeBuild, 'CMakeCache.txt')
  if (!existsSync(cache)) return
  const here = `CMAKE_HOME_DIRECTORY:INTERNAL=${join(root, 'native')}\n`
  if (!readFileSync(cache, 'utf8').includes(here)) rmSync(nativeBuild, { recursive: true })
}

function compileTypeScript() {
  const bundler = join(root, 'scripts/bundle-host.mjs')
  const inputs = [...['src', 'tsconfig.json', 'package-lock.json'].map((name) => join(root, name)), bundler]
  const outputs = ['index.js', 'bundle/worker.js'].map((name) => join(root, 'dist', name))
  whenChanged('typescript', inputs, outputs, () => {
    step('compiling TypeScript')
    run([process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.json')])
    run([process.execPath, bundler])
  })
}

/**
 * Does the work unless it was done for these very inputs and its outputs are still there.
 * @param {string} name
 * @param {string[]} inputs files and directories
 * @param {string[]} outputs
 * @param {() => void} work
 */
function whenChanged(name, inputs, outputs, work) {
  const stamp = join(root, 'build/stamps', name)
  const fingerprint = createHash('sha256')
    .update([root, ...inputs.flatMap(describe)].join('\n'))
    .digest('hex')
  const upToDate =
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === fingerprint &&
    outputs.every((path) => existsSync(path))
  if (upToDate) return
  rmSync(stamp, { force: true })
  work()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, fingerprint)
}

/**
 * Names, sizes and times of a file or of every file below a directory.
 * @param {string} path
 * @returns {string[]}
 */
function describe(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return [`${path} ${stats.size} ${stats.mtimeMs}`]
  return readdirSync(path)
    .sort()
    .flatMap((name) => describe(join(path, name)))
}
