/**
 * S3 server in memory with the manners of stores other than AWS. They can be changed while it runs:
 *
 * ```ts
 * const server = await SettableStore.start({ checksums: 'refusedByName' })
 * server.manners = { multiDelete: 'missing' }
 * ```
 *
 * It takes path-style requests only, and any signature.
 */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServerCertificate } from './certificates.js'
import { s3ErrorBody } from './fault-proxy.js'

export interface Manners {
  /** DeleteObjects wants Content-MD5 and takes no other checksum, or is not there. */
  readonly multiDelete?: 'wantsMd5' | 'notImplemented' | 'notAllowed'
  /** Requests with `x-amz-checksum-*` or its relatives are refused: by name (501, or 400 as B2 does) or in general words. */
  readonly checksums?: 'refusedByName' | 'refusedAsInvalid' | 'refusedVaguely'
  /** Listings ignore `encoding-type`, or always have version 1, or refuse version 2. */
  readonly listing?: 'unencoded' | 'version1' | 'refusesVersion2'
  /** Keys on each page of a listing. Default 1,000. */
  readonly pageKeys?: number
  /** Accepted access keys. Default: any. Others get this answer. */
  readonly accessKeys?: readonly string[]
  readonly denial?: { readonly status: number; readonly code: string }
  /** Answers in place of the store, unless it returns undefined. */
  readonly answer?: (call: Call, response: ServerResponse) => Answer | 'answered' | undefined
}

export interface Call {
  readonly method: string
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  readonly accessKey: string | undefined
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string | Uint8Array
}

interface StoredObject {
  readonly body: Buffer
  readonly etag: string
  readonly modified: Date
  readonly metadata: Readonly<Record<string, string>>
}

export class SettableStore {
  readonly endpoint: string
  readonly objects = new Map<string, StoredObject>()
  /** Unfinished ones by their id, with their parts. */
  readonly uploads = new Map<string, Map<number, Buffer>>()
  /** Every request, in order. */
  readonly calls: Call[] = []
  manners: Manners
  readonly #server: Server

  /** @param certificate makes it speak TLS, for the name that it is for. */
  static async start(manners: Manners = {}, certificate?: ServerCertificate): Promise<SettableStore> {
    const server = certificate ? createTlsServer({ ...certificate }) : createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SettableStore(server, manners)
  }

  private constructor(server: Server, manners: Manners) {
    this.manners = manners
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.endpoint = 'setSecureContext' in server ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
    server.on('request', (request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request, Buffer.concat(await request.toArray()))
    this.calls.push(call)
    const scripted = this.manners.answer?.(call, response)
    if (scripted === 'answered') return
    const { status = 200, headers, body } = scripted ?? refusalOf(this.manners, call) ?? this.#serve(call)
    response.writeHead(status, { 'x-amz-request-id': `request-${this.calls.length}`, ...headers })
    response.end(call.method === 'HEAD' ? undefined : body)
  }

  #serve(call: Call): Answer {
    const { method, key, query } = call
    if (method === 'GET' && key === '') return this.#list(call)
    if (method === 'POST' && query.has('delete')) return this.#deleteMany(call)
    if (method === 'POST' && query.has('uploads')) return this.#createUpload()
    if (method === 'POST' && query.has('uploadId')) return this.#completeUpload(call)
    if (method === 'PUT' && query.has('uploadId')) return this.#putPart(call)
    if (method === 'DELETE' && query.has('uploadId')) return this.#abortUpload(call)
    if (method === 'GET' && query.has('uploadId')) return this.#listParts(call)
    if (method === 'PUT') return this.#put(call, call.body)
    if (method === 'DELETE') return this.#delete([idOf(call)])
    return this.#get(call)
  }

  #put(call: Call, body: Buffer): Answer {
    const id = idOf(call)
    const { 'if-match': expected, 'if-none-match': none } = call.headers
    const current = this.objects.get(id)?.etag
    if (expected !== undefined && current === undefined) return failure(404, 'NoSuchKey')
    if ((expected !== undefined && expected !== current) || (none === '*' && current !== undefined))
      return failure(412, 'PreconditionFailed')
    const metadata = Object.entries(call.headers).filter(([name]) => name.startsWith('x-amz-meta-'))
    const etag = `"${md5(body, 'hex')}"`
    this.objects.set(id, {
      body,
      etag,
      modified: new Date(),
      metadata: Object.fromEntries(metadata) as Record<string, string>,
    })
    return { headers: { etag } }
  }

  #get(call: Call): Answer {
    const object = this.objects.get(idOf(call))
    if (!object) return failure(404, 'NoSuchKey')
    const { body, etag, modified, metadata } = object
    const headers = { etag, 'last-modified': modified.toUTCString(), ...metadata }
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(call.headers.range ?? '') ?? []
    if (from === undefined) return { headers: { ...headers, 'content-length': body.length }, body }
    if (Number(from) >= body.length) return failure(416, 'InvalidRange')
    const last = Math.min(to === '' || to === undefined ? Infinity : Number(to), body.length - 1)
    const range = body.subarray(Number(from), last + 1)
    const partial = {
      'content-range': `bytes ${from}-${last}/${body.length}`,
      'content-length': range.length,
    }
    return { status: 206, headers: { ...headers, ...partial }, body: range }
  }

  #deleteMany({ bucket, body }: Call): Answer {
    const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => fromXml(key!))
    this.#delete(keys.map((key) => `${bucket}/${key}`))
    return xml('<DeleteResult></DeleteResult>')
  }

  #delete(ids: readonly string[]): Answer {
    for (const id of ids) this.objects.delete(id)
    return { status: 204 }
  }

  #createUpload(): Answer {
    const uploadId = randomUUID()
    this.uploads.set(uploadId, new Map())
    return xml(
      `<InitiateMultipartUploadResult><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
    )
  }

  #putPart({ query, body }: Call): Answer {
    this.uploads.get(query.get('uploadId')!)!.set(Number(query.get('partNumber')), body)
    return { headers: { etag: `"${md5(body, 'hex')}"` } }
  }

  #abortUpload({ query }: Call): Answer {
    return this.uploads.delete(query.get('uploadId')!) ? { status: 204 } : failure(404, 'NoSuchUpload')
  }

  #listParts({ query }: Call): Answer {
    const parts = this.uploads.get(query.get('uploadId')!)
    if (!parts) return failure(404, 'NoSuchUpload')
    const shown = [...parts].map(
      ([number, part]) => `<Part><PartNumber>${number}</PartNumber><Size>${part.length}</Size></Part>`,
    )
    return xml('<ListPartsResult><IsTruncated>false</IsTruncated>', ...shown, '</ListPartsResult>')
  }

  #completeUpload(call: Call): Answer {
    const uploadId = call.query.get('uploadId')!
    const parts = [...(this.uploads.get(uploadId) ?? [])].sort(([a], [b]) => a - b)
    this.uploads.delete(uploadId)
    const { headers } = this.#put(call, Buffer.concat(parts.map(([, part]) => part)))
    const etag = toXml(String(headers?.etag))
    return xml(`<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`)
  }

  #list({ bucket, query }: Call): Answer {
    const { listing, pageKeys = 1000 } = this.manners
    const isVersion1 = listing === 'version1' || query.get('list-type') !== '2'
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter')
    const after = isVersion1
      ? (query.get('marker') ?? '')
      : (query.get('continuation-token') ?? query.get('start-after') ?? '')
    const isEncoded = listing === undefined && query.get('encoding-type') === 'url'
    const text = isEncoded ? (key: string) => encodeURIComponent(key).replaceAll('%2F', '/') : toXml

    const folderOf = (name: string) => {
      const end = delimiter === null ? -1 : name.indexOf(delimiter, prefix.length)
      return end < 0 ? undefined : name.slice(0, end + 1)
    }
    const names = [...this.objects.keys()]
      .filter((id) => id.startsWith(`${bucket}/${prefix}`))
      .map((id) => id.slice(bucket.length + 1))
    const entries = new Set(names.map((name) => folderOf(name) ?? name))
    const left = [...entries].filter((entry) => entry > after).sort(byBytes)
    const page = left.slice(0, pageKeys)
    const isTruncated = page.length < left.length

    const shown = page.map((entry) => {
      const object = this.objects.get(`${bucket}/${entry}`)
      if (!object || folderOf(entry) !== undefined)
        return `<CommonPrefixes><Prefix>${text(entry)}</Prefix></CommonPrefixes>`
      const { body, etag, modified } = object
      const about = `<LastModified>${modified.toISOString()}</LastModified><ETag>${toXml(etag)}</ETag>`
      return `<Contents><Key>${text(entry)}</Key>${about}<Size>${body.length}</Size></Contents>`
    })
    return xml(
      `<ListBucketResult><Name>${bucket}</Name><Prefix>${text(prefix)}</Prefix>`,
      isEncoded ? '<EncodingType>url</EncodingType>' : '',
      isVersion1 ? '<Marker></Marker>' : `<KeyCount>${page.length}</KeyCount>`,
      `<IsTruncated>${isTruncated}</IsTruncated>`,
      isTruncated && !isVersion1
        ? `<NextContinuationToken>${toXml(page.at(-1)!)}</NextContinuationToken>`
        : '',
      ...shown,
      '</ListBucketResult>',
    )
  }
}

function callOf({ method = '', url = '', headers }: IncomingMessage, body: Buffer): Call {
  const { pathname, searchParams: query } = new URL(url, 'http://store')
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decodeURIComponent(pathname)) ?? []
  const accessKey = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1]
  return { method, bucket, key, query, headers: headers as Call['headers'], body, accessKey }
}

/** Refusal of the call by a store with these manners. */
function refusalOf({ accessKeys, denial, checksums, multiDelete, listing }: Manners, call: Call) {
  const { method, query, headers, body, accessKey = '' } = call
  if (accessKeys && !accessKeys.includes(accessKey))
    return failure(denial?.status ?? 400, denial?.code ?? 'ExpiredToken')

  const checksum = Object.keys(headers).find((name) => /^x-amz-(checksum-|sdk-checksum|trailer)/.test(name))
  if (checksums !== undefined && checksum !== undefined) {
    if (checksums === 'refusedByName')
      return failure(501, 'NotImplemented', `Header '${checksum}' is not implemented`)
    if (checksums === 'refusedAsInvalid')
      return failure(400, 'InvalidArgument', `Unsupported header '${checksum}' received for this API call.`)
    return failure(
      501,
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
    )
  }

  const digest = headers['content-md5']
  if (digest !== undefined && digest !== md5(body, 'base64')) return failure(400, 'BadDigest')
  if (method === 'POST' && query.has('delete')) {
    if (multiDelete === 'wantsMd5' && (digest === undefined || checksum !== undefined))
      return failure(400, 'InvalidRequest', 'Missing required header for this request: Content-Md5')
    if (multiDelete === 'notImplemented') return failure(501, 'NotImplemented')
    // Not every server without POST on a bucket answers in XML.
    if (multiDelete === 'notAllowed') return { status: 405, headers: { 'content-type': 'text/plain' } }
  }
  if (listing === 'refusesVersion2' && query.get('list-type') === '2') return failure(501, 'NotImplemented')
  return undefined
}

export function failure(status: number, code: string, message?: string): Answer {
  return { ...xml(s3ErrorBody(code, message)), status }
}

export function xml(...parts: string[]): Answer {
  return { headers: { 'content-type': 'application/xml' }, body: parts.join('') }
}

function idOf({ bucket, key }: Call): string {
  return `${bucket}/${key}`
}

function md5(body: Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHash('md5').update(body).digest(encoding)
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function toXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function fromXml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
