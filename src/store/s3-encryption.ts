import { createHash } from 'node:crypto'
import { describe, describeKind } from '../options/describe.js'
import { type Check, checkRecord, group, text, unchecked } from '../options/shape.js'

/** How the bucket encrypts written objects. Without it, the bucket's own default applies. */
export type S3Encryption =
  /** With keys that S3 manages. */
  | { readonly type: 'sse-s3' }
  /** With a key of the key management service; without an id the account's default key. */
  | { readonly type: 'sse-kms'; readonly keyId?: string }
  /** With this key of 32 bytes, which the store forgets: if you lose it, you lose the data. Needs https. */
  | { readonly type: 'sse-c'; readonly key: Uint8Array }

/** The parameters of every kind of request; which ones a request takes depends on the kind of encryption. */
export interface EncryptionParameters {
  /** Creating an object. */
  readonly create: {
    readonly ServerSideEncryption?: 'AES256' | 'aws:kms'
    readonly SSEKMSKeyId?: string
  } & CustomerKey
  /** Reading an object, and writing a part of one. */
  readonly access: CustomerKey
  /** The source of a copy. */
  readonly copySource: {
    readonly CopySourceSSECustomerAlgorithm?: string
    readonly CopySourceSSECustomerKey?: string
    readonly CopySourceSSECustomerKeyMD5?: string
  }
}

interface CustomerKey {
  readonly SSECustomerAlgorithm?: string
  readonly SSECustomerKey?: string
  readonly SSECustomerKeyMD5?: string
}

/** @throws TypeError for anything that is no {@link S3Encryption}: writes would not be encrypted. */
export const checkEncryption: Check = (value, name) => {
  checkRecord(value, name, { example, describe: describeKind })
  const { type } = value
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type))
    throw new TypeError(`expected "${name}.type" to be "sse-s3", "sse-kms" or "sse-c", got ${describe(type)}`)
  shapes[type as S3Encryption['type']](value, name)
}

const example = "{ type: 'sse-s3' }"

const customerKey: Check = (value, name) => {
  if (value instanceof Uint8Array && value.length === 32) return
  const given = value instanceof Uint8Array ? `${value.length} bytes` : 'something else'
  throw new TypeError(`expected "${name}" to be a Uint8Array of 32 bytes, got ${given}`)
}

const of = 'cloudEnv'
const shapes: Readonly<Record<S3Encryption['type'], Check>> = {
  'sse-s3': group({ type: unchecked }, { of, example }),
  'sse-kms': group({ type: unchecked, keyId: text }, { of, example }),
  'sse-c': group({ type: unchecked, key: customerKey }, { of, example, required: ['key'] }),
}

/** @throws TypeError */
export function encryptionParameters(encryption: S3Encryption | undefined): EncryptionParameters {
  if (encryption === undefined) return { create: {}, access: {}, copySource: {} }
  checkEncryption(encryption, 'encryption')
  switch (encryption.type) {
    case 'sse-s3':
      return { create: { ServerSideEncryption: 'AES256' }, access: {}, copySource: {} }
    case 'sse-kms': {
      const key = encryption.keyId === undefined ? {} : { SSEKMSKeyId: encryption.keyId }
      return { create: { ServerSideEncryption: 'aws:kms', ...key }, access: {}, copySource: {} }
    }
    case 'sse-c': {
      const { key } = encryption
      const base64 = Buffer.from(key).toString('base64')
      const digest = createHash('md5').update(key).digest('base64')
      const access = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: base64, SSECustomerKeyMD5: digest }
      return {
        create: access,
        access,
        copySource: {
          CopySourceSSECustomerAlgorithm: 'AES256',
          CopySourceSSECustomerKey: base64,
          CopySourceSSECustomerKeyMD5: digest,
        },
      }
    }
  }
}
