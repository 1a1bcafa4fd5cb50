#!/usr/bin/env node
// Brings the generated parts of docs/cli up to date: `npm run docs`. The commands of the examples look at the fixtures,
// below $FIXTURES, and at a database of 1 GB that is written to MinIO first.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { bucket, credentials, region } from '../localstack/credentials.mjs'
import { startServers } from '../localstack/servers.mjs'
import { jsonTypes, optionsTable, regenerate } from './generated-parts.mjs'

/** Pages in the order in which they are read: `verify` damages a copy of a fixture, after `ls` has listed them. */
const pages = ['README', 'looking', 'files', 'checking', 'branching', 'moving', 'running', 'json']
const archives = fromRoot('../shared/fixtures/rocksdb-cloud')
const cloudenv = fromRoot('dist/cli/main.js')
/** Names of the server, and of the database of 1 GB, in the pages. */
const documented = { endpoint: 'http://127.0.0.1:9000', bucket: 's3://example' }

/** @param {string} path */
function fromRoot(path) {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}

Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: region,
})
const directory = mkdtempSync(join(tmpdir(), 'cli-docs-'))
/** Directory in which `cloudenv` is found, as after an installation. */
const programs = mkdtempSync(join(tmpdir(), 'cli-docs-bin-'))
const servers = await startServers()
try {
  const script = `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${cloudenv}' "$@"\n`
  writeFileSync(join(programs, 'cloudenv'), script, { mode: 0o755 })
  const minio = servers.running.find(({ name }) => name === 'minio')
  if (minio === undefined) throw new Error(`MinIO does not run: ${servers.skipped[0]?.reason}`)
  for (const archive of readdirSync(archives))
    execFileSync('tar', ['-xzf', join(archives, archive), '-C', directory, '--exclude=dump'])

  const prefix = `cli-docs-${process.pid}`
  /** @type {[string, string][]} */
  const names = [
    [documented.endpoint, minio.endpoint],
    [documented.bucket, `s3://${bucket}/${prefix}`],
    ['$FIXTURES', directory],
    ['/app/node_modules/rocksdb-cloud-env/', fromRoot('')],
  ]
  await fillDatabase({ store: `s3://${bucket}/${prefix}`, endpoint: minio.endpoint })
  const generators = {
    options: optionsTable,
    types: jsonTypes,
    output: (/** @type {string} */ _, /** @type {string} */ present) => transcript(present, names),
  }
  for (const page of pages) {
    const file = fromRoot(`docs/cli/${page}.md`)
    writeFileSync(file, regenerate(readFileSync(file, 'utf8'), generators))
  }
} finally {
  await servers.stop()
  for (const path of [directory, programs]) rmSync(path, { recursive: true, force: true })
}

/**
 * Runs the commands of a block, the lines that begin with `$ `, and prints below each what it prints.
 * @param {string} block
 * @param {[string, string][]} names in the pages, and their counterparts here
 */
function transcript(block, names) {
  const commands = block.split('\n').filter((line) => line.startsWith('$ '))
  const parts = commands.map((command) => `${command}\n${printed(command.slice(2), names)}`)
  return `\`\`\`console\n${parts.join('\n')}\`\`\`\n`
}

/**
 * @param {string} command
 * @param {[string, string][]} names
 */
function printed(command, names) {
  console.error(styleText('dim', `$ ${command}`))
  const real = names.reduce((line, [name, here]) => line.replaceAll(name, here), command)
  // One stream for both, as on a terminal: messages on standard error stay where they were printed.
  const { stdout, status } = spawnSync('bash', ['-c', `exec 2>&1; ${real}`], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH}` },
  })
  const output = names.reduce((text, [name, here]) => text.replaceAll(here, name), stdout)
  return status === 0 ? output : `${output}[exit code ${status}]\n`
}

/**
 * Events of a shop, 1 GB of them in two column families, in several epochs and with some garbage.
 * @param {{ store: string, endpoint: string }} place
 */
async function fillDatabase({ store, endpoint }) {
  const { cloudEnv, RocksDB } = await import('../dist/index.js')
  const options = {
    compression: 'kNoCompression',
    target_file_size_base: 32 << 20,
    write_buffer_size: 32 << 20,
  }
  const total = 4_000_000
  const sessions = 4
  for (let session = 0; session < sessions; session++) {
    // Each session begins without local files, as on a new machine.
    const root = join(directory, `root-${session}`)
    const env = cloudEnv({ store, root, endpoint })
    const db = await RocksDB.open(join(root, 'events'), { env, options, createIfMissing: true })
    const customers = session === 0 ? await db.createColumnFamily('customers') : db.columnFamily('customers')
    for (let first = session; first < total; first += sessions * 1000) {
      const end = Math.min(total, first + sessions * 1000)
      await db.batch(
        eventsOf(first, end, sessions).flatMap(({ key, customer, value, isFirst }) => [
          { type: /** @type {const} */ ('put'), key, value },
          ...(isFirst
            ? [{ type: /** @type {const} */ ('put'), key: customer, value: key, columnFamily: customers }]
            : []),
        ]),
      )
    }
    await db.flush()
    await db.close()
    await env.close()
    console.error(styleText('dim', `${Math.round(((session + 1) / sessions) * 100)} % of 1 GB written`))
  }
}

/**
 * @param {number} first
 * @param {number} end
 * @param {number} step
 */
function eventsOf(first, end, step) {
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, at) => {
    const number = first + at * step
    const customer = `customer:${String((number * 7919) % 100_003).padStart(6, '0')}`
    const value = JSON.stringify({ customer, article: `article ${number % 977}`, note: 'x'.repeat(170) })
    return { key: `event:${String(number).padStart(9, '0')}`, customer, value, isFirst: number < 100_003 }
  })
}
