#!/usr/bin/env node
// The S3 servers of the tests: MinIO and LocalStack, both real, on loopback, without Docker.
//
//   node localstack/servers.mjs run -- COMMAND…   runs a command with both of them up
//   node localstack/servers.mjs start             starts them in the background (tests then use these)
//   node localstack/servers.mjs stop
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { cacheDir, fail, SetupError } from '../scripts/machine.mjs'
import { bucket, credentials, region } from './credentials.mjs'

/** @typedef {import('./serve.mjs').Running} Running */
/** @typedef {import('./serve.mjs').Skipped} Skipped */
/** @typedef {{ running: Running[], skipped: Skipped[] }} Started */

const serveScript = fileURLToPath(new URL('serve.mjs', import.meta.url))
const stateFile = join(cacheDir, 'servers.json')

/** Environment variables that name servers which run already. */
const variableOf = { minio: 'CLOUDENV_TEST_MINIO', localstack: 'CLOUDENV_TEST_LOCALSTACK' }

/**
 * Servers that the environment names, or that `start` left running, or new ones that end with `stop` or with this
 * process, whichever comes first. Each has the bucket that all tests share.
 * @returns {Promise<Started & { stop: () => Promise<void> }>}
 */
export async function startServers() {
  const named = namedByEnvironment() ?? inBackground()
  if (named !== undefined) {
    await Promise.all(named.running.map(ensureBucket))
    return { ...named, stop: async () => {} }
  }

  const child = spawn(process.execPath, [serveScript], { stdio: ['pipe', 'pipe', 'inherit'] })
  const started = await whenStarted(child)
  return {
    ...started,
    stop: async () => {
      const exit = once(child, 'exit')
      child.stdin?.end()
      await exit
    },
  }
}

/** @returns {Started | undefined} */
function namedByEnvironment() {
  const named = Object.entries(variableOf).map(([name, variable]) => ({
    name,
    variable,
    endpoint: process.env[variable],
  }))
  if (named.every(({ endpoint }) => endpoint === undefined)) return undefined
  return {
    running: named.flatMap(({ name, endpoint }) => (endpoint === undefined ? [] : [{ name, endpoint }])),
    skipped: named.flatMap(({ name, variable, endpoint }) =>
      endpoint === undefined ? [{ name, reason: `${variable} is not set, although the other one is` }] : [],
    ),
  }
}

/** @returns {(Started & { pid: number }) | undefined} */
function inBackground() {
  try {
    const state = JSON.parse(readFileSync(stateFile, 'utf8'))
    process.kill(state.pid, 0)
    return state
  } catch {
    return undefined
  }
}

async function startInBackground() {
  const already = inBackground()
  if (already) return already
  const child = spawn(process.execPath, [serveScript, '--until-signal'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const started = await whenStarted(child)
  child.unref()
  child.stdout?.destroy()
  mkdirSync(cacheDir, { recursive: true })
  writeFileSync(stateFile, JSON.stringify({ ...started, pid: child.pid }))
  return started
}

async function stopInBackground() {
  const background = inBackground()
  if (background === undefined) return
  process.kill(background.pid, 'SIGTERM')
  while (inBackground()) await delay(50)
  rmSync(stateFile, { force: true })
}

/** @param {string[]} command */
async function runWith([file, ...args]) {
  if (file === undefined) throw new SetupError('Which command? node localstack/servers.mjs run -- COMMAND…')
  const servers = await startServers()
  for (const { name, reason } of servers.skipped) process.stderr.write(`✗ no ${name}: ${reason}\n`)
  // Ctrl-C is for the command; this process ends when the command has ended.
  process.on('SIGINT', () => {})
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environmentOf(servers) } })
  const [code] = await once(child, 'exit').finally(servers.stop)
  process.exitCode = code ?? 1
}

/**
 * Environment with which tests, the AWS SDK and the AWS command line use these servers.
 * @param {Started} servers
 * @returns {Record<string, string>}
 */
export function environmentOf({ running }) {
  return {
    ...Object.fromEntries(
      running.map(({ name, endpoint }) => [
        variableOf[/** @type {keyof typeof variableOf} */ (name)],
        endpoint,
      ]),
    ),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<Started>}
 */
async function whenStarted(child) {
  if (!child.stdout) throw new Error('no standard output to read from')
  for await (const line of createInterface({ input: child.stdout })) {
    const started = JSON.parse(line)
    await Promise.all(started.running.map(ensureBucket))
    return started
  }
  throw new SetupError('The servers did not start; see above.')
}

/** @param {Running} server */
async function ensureBucket({ endpoint }) {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error
  } finally {
    client.destroy()
  }
}

async function main([verb, separator, ...command] = process.argv.slice(2)) {
  if (verb === 'run' && separator === '--') return await runWith(command)
  if (verb === 'stop') return await stopInBackground()
  if (verb === 'start') {
    const started = await startInBackground()
    for (const { name, reason } of started.skipped) process.stderr.write(`✗ no ${name}: ${reason}\n`)
    const exports = Object.entries(environmentOf(started)).map(([name, value]) => `export ${name}=${value}\n`)
    process.stdout.write(`${exports.join('')}# The tests share the bucket ${bucket}.\n`)
    return
  }
  throw new SetupError('Usage: node localstack/servers.mjs start | stop | run -- COMMAND…')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main().catch(fail)
