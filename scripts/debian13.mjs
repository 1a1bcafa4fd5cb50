#!/usr/bin/env node
// Runs the tests against RocksDB 9.10, the one of Debian 13: builds this checkout in a Debian 13 root, which is made
// once and kept in the cache directory. MinIO and LocalStack run outside.
//
//   node scripts/debian13.mjs [ARGUMENTS OF VITEST…]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environmentOf, startServers } from '../localstack/servers.mjs'
import { cacheDir, ensureInstalled, fail, requirements, run, SetupError, step } from './machine.mjs'

/**
 * Packages of the root. Node.js and node_modules come from outside, so that only RocksDB and its build tools differ.
 */
const packages = ['librocksdb-dev', 'rocksdb-tools', 'cmake', 'g++', 'make']

const checkout = fileURLToPath(new URL('..', import.meta.url))
/** Path of the checkout inside the root. */
const inside = '/srv/rocksdb-cloud-env'

/** Mounts live in a namespace of their own and end with the process that made them: nothing is left to undo. */
const inOwnMounts = ['unshare', '--mount', '--propagation', 'private']

main().catch(fail)

async function main() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new SetupError(
      'The Debian 13 root takes Linux, and root for mmdebstrap, mount and chroot: sudo npm run test:debian13.',
    )
  }
  const root = makeRoot()
  copyNode(root)
  copyCheckout(root)
  const servers = await startServers()
  try {
    process.exitCode = await test(root, environmentOf(servers))
  } finally {
    await servers.stop()
  }
}

/** Makes the root. Its name says what is in it, so a change makes another one; it gets its name once it is complete. */
function makeRoot() {
  const recipe = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12)
  const root = join(cacheDir, `debian13-${recipe}`)
  if (existsSync(root)) return root

  ensureInstalled([requirements.mmdebstrap])
  mkdirSync(cacheDir, { recursive: true })
  const making = mkdtempSync(join(cacheDir, 'making-'))
  chmodSync(making, 0o755) // A root that other users than root can enter, such as apt's.
  try {
    step('making a Debian 13 root (once, two to three minutes)')
    const options = ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`]
    run([...inOwnMounts, 'mmdebstrap', ...options, 'trixie', making, ...debianMirror()], { quiet: true })
    renameSync(making, root)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return root
}

/** The mirror that apt uses here, if this is a Debian; else mmdebstrap's own choice. */
function debianMirror() {
  const directory = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []),
  ]
  const text = files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  return text.match(/^(?:URIs:|deb\s(?:\[.*\]\s)?)\s*(\S+\/debian)\/?\s/m)?.slice(1, 2) ?? []
}

/**
 * Copies the Node.js that runs this, which needs no library that the root lacks.
 * @param {string} root
 */
function copyNode(root) {
  const { variables } = process.config
  if ('node_shared' in variables && variables.node_shared) {
    throw new SetupError(
      `The Debian 13 root runs the Node.js from outside, and ${process.execPath} needs a libnode.so beside it: ` +
        'use one of nodejs.org, or npx node@20 scripts/debian13.mjs.',
    )
  }
  cpSync(process.execPath, join(root, 'usr/local/bin/node'), { preserveTimestamps: true })
}

/**
 * Command that takes one more argument, the command for the shell in the root.
 * @param {string} root
 * @param {{ from: string, to: string }[]} binds directories shared with the root
 */
function chrootCommand(root, binds) {
  const all = [{ from: '/proc', to: '/proc' }, { from: '/dev', to: '/dev' }, ...binds]
  for (const { to } of all) mkdirSync(join(root, to), { recursive: true })
  const mounts = all.map(({ from, to }) => `mount --rbind '${from}' '${join(root, to)}'`)
  return [...inOwnMounts, 'sh', '-ec', `${mounts.join('\n')}\nexec chroot '${root}' sh -c "$0"`]
}

/** Environment inside the root, which needs no network: without names of files and directories of this machine. */
function environmentInside() {
  return {
    ...process.env,
    PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    TMPDIR: '/tmp',
    AWS_CA_BUNDLE: '',
    NODE_EXTRA_CA_CERTS: '',
    DEBIAN_FRONTEND: 'noninteractive',
    LC_ALL: 'C.UTF-8',
  }
}

/**
 * Copies the checkout. Unchanged files keep their times, and build results stay: only changes are built again.
 * @param {string} root
 */
function copyCheckout(root) {
  const target = join(root, inside)
  mkdirSync(target, { recursive: true })
  const listing = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: checkout,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (listing.status !== 0) throw new SetupError(`git ls-files: ${listing.error?.message ?? listing.stderr}`)
  const names = new Set(
    listing.stdout.split('\0').filter((name) => name !== '' && existsSync(join(checkout, name))),
  )
  const kept = ['build', 'dist', 'node_modules']
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(target, path)
    if (!entry.isDirectory() && !kept.includes(name.split('/')[0] ?? '') && !names.has(name)) rmSync(path)
  }
  for (const name of names) {
    const [from, to] = [join(checkout, name), join(target, name)]
    if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) cpSync(from, to)
  }
}

/**
 * @param {string} root
 * @param {Record<string, string>} servers as environment variables
 * @returns {Promise<number>} the exit code
 */
async function test(root, servers) {
  step('building and testing in the Debian 13 root')
  const shared = join(checkout, '../shared')
  const binds = [
    { from: join(checkout, 'node_modules'), to: join(inside, 'node_modules') },
    ...(existsSync(shared) ? [{ from: shared, to: join(dirname(inside), 'shared') }] : []),
  ]
  const vitest = ['node', 'node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]
  const quoted = vitest.map((argument) => `'${argument.replaceAll("'", `'\\''`)}'`).join(' ')
  const [file = '', ...args] = chrootCommand(root, binds)
  const child = spawn(file, [...args, `cd ${inside} && node scripts/setup.mjs && ${quoted}`], {
    env: { ...environmentInside(), ...servers },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  return code ?? 1
}
