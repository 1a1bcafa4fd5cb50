import { createHash } from 'node:crypto'

/** How the bucket encrypts what we write. Without it the bucket's own default holds. */
export type S3Encryption =
  /** With keys that S3 manages. */
  | { readonly type: 'sse-s3' }
  /** With a key of the key management service; without an id the account's default key. */
  | { readonly type: 'sse-kms'; readonly keyId?: string }
  /** With this key of 32 bytes, which the store forgets: who loses it loses the data. Needs https. */
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

/** @throws TypeError */
export function encryptionParameters(encryption: S3Encryption | undefined): EncryptionParameters {
  switch (encryption?.type) {
    case undefined:
      return { create: {}, access: {}, copySource: {} }
    case 'sse-s3':
      return { create: { ServerSideEncryption: 'AES256' }, access: {}, copySource: {} }
    case 'sse-kms': {
      const key = encryption.keyId === undefined ? {} : { SSEKMSKeyId: encryption.keyId }
      return { create: { ServerSideEncryption: 'aws:kms', ...key }, access: {}, copySource: {} }
    }
    case 'sse-c': {
      const { key } = encryption
      if (!(key instanceof Uint8Array) || key.length !== 32) {
        throw new TypeError('expected "encryption.key" to be 32 bytes')
      }
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
    default:
      throw new TypeError(
        `expected "encryption.type" to be "sse-s3", "sse-kms" or "sse-c", got ${JSON.stringify(
          (encryption as { readonly type: unknown }).type,
        )}`,
      )
  }
}
