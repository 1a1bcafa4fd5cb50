/**
 * A store that counts its requests as S3 bills them, and that may be far away: each request arrives later. A process
 * of its own, so that its CPU is nobody's. Arguments: port of the server, latency in milliseconds. Tells its parent its
 * own port, then answers every message with its counts.
 */
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StoreOperation } from '../dist/index.js'
import type { Traffic } from './counted-store.js'

const [serverPort, latencyMs] = process.argv.slice(2).map(Number) as [number, number]
const agent = new Agent({ keepAlive: true })
const requests: Record<StoreOperation, number> = { put: 0, copy: 0, list: 0, get: 0, head: 0, delete: 0 }
const bytes = { sentBytes: 0, receivedBytes: 0 }

const server = createServer((request, response) => {
  requests[operationOf(request)] += 1
  request.on('data', (piece: Buffer) => {
    bytes.sentBytes += piece.length
  })
  request.pause()
  const forward = () => {
    const { method, url: path, headers } = request
    const onward = httpRequest({ host: '127.0.0.1', port: serverPort, method, path, headers, agent })
    onward.on('response', (answer) => {
      answer.on('data', (piece: Buffer) => {
        bytes.receivedBytes += piece.length
      })
      response.writeHead(answer.statusCode!, answer.headers)
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy()
    })
    request.pipe(onward)
  }
  if (latencyMs === 0) forward()
  else setTimeout(forward, latencyMs)
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('message', () => process.send?.({ requests, ...bytes } satisfies Traffic))
process.on('disconnect', () => process.exit())

/** Operation as which S3 bills the request. */
function operationOf({ method, url, headers }: IncomingMessage): StoreOperation {
  const query = new URL(url!, 'http://server').searchParams
  if (method === 'DELETE' || (method === 'POST' && query.has('delete'))) return 'delete'
  if (method === 'HEAD') return 'head'
  if (method === 'GET') return query.has('list-type') || query.has('uploads') ? 'list' : 'get'
  return 'x-amz-copy-source' in headers ? 'copy' : 'put'
}
