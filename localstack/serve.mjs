// Runs MinIO and LocalStack on loopback until standard input closes, so that they end with the process that started
// them, however it ended. Prints their endpoints on standard output, as one line of JSON.
//
// node localstack/serve.mjs [--until-signal]    with the flag only SIGTERM or SIGINT ends it
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cacheDir, fail } from '../scripts/machine.mjs'
import { credentials, kmsKey, region } from './credentials.mjs'
import { installLocalStack, installMinio } from './install.mjs'

/** @typedef {{ name: string, endpoint: string }} Running */
/** @typedef {{ name: string, reason: string }} Skipped */

const startTimeoutMs = 240_000

/** @type {import('node:child_process').ChildProcess[]} */
const children = []
mkdirSync(cacheDir, { recursive: true })
const data = mkdtempSync(join(cacheDir, 'servers-'))
const untilSignal = process.argv.includes('--until-signal')

const ended = new Promise((resolve) => {
  process.on('SIGTERM', resolve)
  process.on('SIGHUP', resolve)
  // Ctrl-C reaches the whole process group; the process that started this one still needs the servers then.
  process.on('SIGINT', untilSignal ? resolve : () => {})
  if (!untilSignal) process.stdin.on('close', resolve).on('error', resolve).resume()
})

// Nobody is left to read the output: standard input has closed too, then.
process.stdout.on('error', () => {})

serve().catch(fail)

async function serve() {
  try {
    const starting = Promise.all([attempt('minio', startMinio), attempt('localstack', startLocalStack)])
    const started = await Promise.race([starting, ended.then(() => undefined)])
    if (started === undefined) return
    const running = started.filter((server) => 'endpoint' in server)
    const skipped = started.filter((server) => 'reason' in server)
    process.stdout.write(`${JSON.stringify({ running, skipped })}\n`)
    await ended
  } finally {
    await Promise.all(children.map(stop))
    rmSync(data, { recursive: true, force: true })
    // A start that was still waiting has nothing left to wait for.
    process.exit()
  }
}

/**
 * @param {string} name
 * @param {() => Promise<string>} start resolves with the endpoint
 * @returns {Promise<Running | Skipped>}
 */
async function attempt(name, start) {
  try {
    return { name, endpoint: await start() }
  } catch (error) {
    return { name, reason: /** @type {Error} */ (error).message }
  }
}

async function startMinio() {
  const binary = installMinio()
  const directory = join(data, 'minio')
  const port = await freePort()
  return await start({
    command: [binary, 'server', '--quiet', '--address', `127.0.0.1:${port}`, directory],
    env: {
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_REGION: region,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_KMS_SECRET_KEY: `${kmsKey.id}:${kmsKey.secret}`,
    },
    directory,
    endpoint: `http://127.0.0.1:${port}`,
    readyPath: '/minio/health/ready',
  })
}

async function startLocalStack() {
  const python = installLocalStack()
  const directory = join(data, 'localstack')
  const port = await freePort()
  return await start({
    command: [python, '-m', 'localstack.runtime.main'],
    env: {
      // The default server, twisted, listens on every address.
      GATEWAY_SERVER: 'hypercorn',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      LOCALSTACK_HOST: `127.0.0.1:${port}`,
      SERVICES: 's3',
      STRICT_SERVICE_LOADING: '1',
      EAGER_SERVICE_LOADING: '1',
      DNS_ADDRESS: '0',
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      // Without it files may go below /var/lib.
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: directory,
      LS_LOG: 'warning',
    },
    directory,
    endpoint: `http://127.0.0.1:${port}`,
    readyPath: '/_localstack/health',
  })
}

/**
 * Starts a server and resolves with its endpoint as soon as it answers.
 * @param {{ command: string[], env: Record<string, string>, directory: string, endpoint: string, readyPath: string }} server
 */
async function start({ command: [file = '', ...args], env, directory, endpoint, readyPath }) {
  mkdirSync(directory, { recursive: true })
  const logFile = `${directory}.log`
  const log = openSync(logFile, 'w')
  const child = spawn(file, args, {
    // Both write to the home and temporary directories, LocalStack even if it is told otherwise: keep them out of the
    // user's.
    env: { ...process.env, HOME: directory, TMPDIR: directory, XDG_CACHE_HOME: directory, ...env },
    stdio: ['ignore', log, log],
    // A process group of its own: Ctrl-C in the terminal does not reach it, and it can be ended as a whole.
    detached: true,
  })
  children.push(child)
  let exited = false
  const exit = once(child, 'exit').then(() => {
    exited = true
  })
  const deadline = Date.now() + startTimeoutMs
  while (!(await answers(endpoint + readyPath))) {
    if (exited || Date.now() > deadline) {
      const words = readFileSync(logFile, 'utf8').trim().slice(-2000)
      throw new Error(`${exited ? 'it ended at once' : `no answer in ${startTimeoutMs / 1000} s`}\n${words}`)
    }
    await Promise.race([delay(50), exit])
  }
  return endpoint
}

/** @param {string} url */
async function answers(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

/**
 * Kills a server at once: its data is thrown away, so it has nothing to finish.
 * @param {import('node:child_process').ChildProcess} child
 */
async function stop(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await exit
}

/** @returns {Promise<number>} a port that was free on loopback a moment ago */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
  probe.close()
  await once(probe, 'close')
  return port
}
