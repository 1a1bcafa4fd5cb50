/**
 * The places where integration tests keep their databases: a directory and every S3 server there is. Each test
 * makes one of its own, and looks into it by other means than the product's.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { S3Client } from '@aws-sdk/client-s3'
import { afterAll, expect, inject } from 'vitest'
import { sdk } from '#src/store/aws-sdk.js'
import type { S3Connection } from '#src/store/s3-connection.js'
import type { S3Credentials } from '#src/store/s3-credentials.js'
import { checkStores, type LeftStore, noteWrite } from './left-stores.ts'
import type { S3Server } from './servers.js'
import { temporaryDirectory } from './temporary-directory.ts'

export interface TestStore {
  readonly connection: S3Connection & { readonly credentials?: S3Credentials }
  /** The URL of a path inside this store. */
  url(path?: string): string
  put(key: string, bytes: Uint8Array): Promise<void>
  get(key: string): Promise<Uint8Array>
  delete(keys: readonly string[]): Promise<void>
  /** Every key below the store, in order, with what changes when the object is written. */
  list(): Promise<ReadonlyMap<string, ObjectState>>
}

export interface ObjectState {
  readonly sha256: string
  readonly modifiedMs: number
}

export interface TestStoreKind {
  readonly name: string
  make(): TestStore
}

const made: LeftStore[] = []

// Here, where the file is still collected: a hook that a running test adds is never called.
afterAll(() => checkStores(made.splice(0)))

/** A directory and each server: `describe.each(testStores())('$name', …)`. */
export function testStores(): TestStoreKind[] {
  return [directoryKind, ...inject('servers').map(serverKind)]
}

/** Those that the whole product is tested on where one of each sort is enough: a directory and MinIO. */
export function mainTestStores(): TestStoreKind[] {
  return testStores().filter(({ name }) => name !== 'localstack')
}

const directoryKind: TestStoreKind = {
  name: 'directory',
  make() {
    return new DirectoryTestStore(temporaryDirectory('cloudenv-store'))
  },
}

function serverKind(server: S3Server): TestStoreKind {
  return { name: server.name, make: () => new ServerTestStore(server) }
}

class DirectoryTestStore implements TestStore {
  readonly connection = {}
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  url(path = ''): string {
    return `file://${join(this.#root, path)}`
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#root, key)
    if (!path.startsWith(`${this.#root}/`)) throw new Error(`${key} leads out of the store`)
    await mkdir(dirname(path), { recursive: true })
    await rm(path, { force: true })
    await writeFile(path, bytes)
    wrote(this, key, bytes)
  }

  async get(key: string): Promise<Uint8Array> {
    return readFile(join(this.#root, key))
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await rm(join(this.#root, key))
      wrote(this, key, undefined)
    }
  }

  async list(): Promise<Map<string, ObjectState>> {
    const names = await readdir(this.#root, { recursive: true })
    const found = new Map<string, ObjectState>()
    for (const key of names.sort()) {
      const info = await stat(join(this.#root, key))
      if (!info.isFile()) continue
      found.set(key, { sha256: sha256(await this.get(key)), modifiedMs: info.mtimeMs })
    }
    return found
  }
}

class ServerTestStore implements TestStore {
  readonly connection: S3Connection & { readonly credentials: S3Credentials }
  readonly #bucket: string
  readonly #prefix = randomUUID()
  readonly #client: S3Client

  constructor({ endpoint, region, bucket, accessKeyId, secretAccessKey }: S3Server) {
    this.connection = {
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    }
    this.#bucket = bucket
    this.#client = new sdk.S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    })
    afterAll(() => this.#client.destroy())
    const maker = expect.getState().currentTestName ?? 'before the tests'
    const { connection } = this
    made.push({ url: `s3://${bucket}`, prefix: `${this.#prefix}/`, connection, maker })
  }

  url(path = ''): string {
    return `s3://${this.#bucket}/${join(this.#prefix, path)}`
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(
      new sdk.PutObjectCommand({ Bucket: this.#bucket, Key: this.#key(key), Body: bytes }),
    )
    wrote(this, key, bytes)
  }

  async get(key: string): Promise<Uint8Array> {
    const { Body } = await this.#client.send(
      new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: this.#key(key) }),
    )
    return Body!.transformToByteArray()
  }

  async delete(keys: readonly string[]): Promise<void> {
    const Objects = keys.map((key) => ({ Key: this.#key(key) }))
    await this.#client.send(new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects } }))
    for (const key of keys) wrote(this, key, undefined)
  }

  async list(): Promise<Map<string, ObjectState>> {
    const found = new Map<string, ObjectState>()
    const pages = sdk.paginateListObjectsV2(
      { client: this.#client },
      // XML cannot hold every character of a key.
      { Bucket: this.#bucket, Prefix: `${this.#prefix}/`, EncodingType: 'url' },
    )
    for await (const { Contents } of pages) {
      for (const { Key, LastModified } of Contents ?? []) {
        const key = decodeURIComponent(Key!.replaceAll('+', ' ')).slice(this.#prefix.length + 1)
        found.set(key, { sha256: sha256(await this.get(key)), modifiedMs: LastModified!.getTime() })
      }
    }
    return found
  }

  #key(key: string): string {
    return `${this.#prefix}/${key}`
  }
}

function wrote(store: TestStore, key: string, bytes: Uint8Array | undefined): void {
  const now = () => store.get(key).then(sha256, () => undefined)
  noteWrite(store.url(key), { sha256: bytes && sha256(bytes), now })
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Options of the command line, and environment variables, with which a program reaches the store. */
export function cliAccess({ connection: { endpoint, region, credentials } }: TestStore): {
  readonly options: readonly string[]
  readonly env: NodeJS.ProcessEnv
} {
  if (endpoint === undefined || region === undefined) return { options: [], env: {} }
  const { accessKeyId, secretAccessKey } = credentials ?? {}
  return {
    options: ['--endpoint', endpoint, '--region', region],
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  }
}
