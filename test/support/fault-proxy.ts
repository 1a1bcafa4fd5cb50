/**
 * Stands between a client and a real HTTP server and does, on request, what networks and overloaded
 * servers do. Everything else passes through unchanged.
 *
 * ```ts
 * const proxy = await FaultProxy.start(server.endpoint)
 * proxy.next('PUT', { kind: 'loseAnswer' })
 * ```
 */
import { once } from 'node:events'
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Fault =
  /** Answered here, without reaching the server. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: string
      readonly headers?: Record<string, string>
    }
  /** The connection breaks before the request reaches the server. */
  | { readonly kind: 'drop' }
  /** The server does its work, and its answer is lost. */
  | { readonly kind: 'loseAnswer' }
  /** The server gets the request twice in a row, and its second answer counts. */
  | { readonly kind: 'deliverTwice' }
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** The connection breaks after so many bytes of the request's body. */
  | { readonly kind: 'truncateRequest'; readonly bytes: number }
  /** One bit of the answer's body is flipped. */
  | { readonly kind: 'damageAnswer' }
  /** The answer is replaced, with the Content-Length of its body. */
  | { readonly kind: 'alterAnswer'; readonly alter: (answer: Answer) => void }
  /** One bit of the request's body is flipped. */
  | { readonly kind: 'damageRequest' }
  /** No answer ever. */
  | { readonly kind: 'hang' }
  /** The answer comes byte by byte, with its head in one piece, or from its first byte on if it has no body. */
  | { readonly kind: 'trickle'; readonly everyMs: number }
  /** The request reaches the server only after this. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }

/** To be changed in place. */
export interface Answer {
  status: number
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  body: Buffer
}

interface Rule {
  readonly method: string
  readonly path: RegExp
  readonly fault: Fault
  times: number
}

export class FaultProxy {
  readonly endpoint: string
  /** Method and path of every request, in order. */
  readonly seen: string[] = []
  /** Those whose clients did not wait for the whole answer. */
  readonly givenUp: string[] = []
  /** Connections that clients opened. */
  connections = 0
  readonly #server: Server
  readonly #target: URL
  readonly #agent = new Agent({ keepAlive: true })
  #rules: Rule[] = []
  #choose: ((line: string) => Fault | undefined) | undefined
  #waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = []

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(server, target)
  }

  private constructor(server: Server, target: string) {
    this.#server = server
    this.#target = new URL(target)
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', () => this.connections++)
    server.on('request', (request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
  }

  /** The next `times` requests of this method, and with this in their path and query, meet the fault. */
  next(
    method: string,
    fault: Fault,
    { path = /./, times = 1 }: { path?: RegExp; times?: number } = {},
  ): void {
    this.#rules.push({ method, path, fault, times })
  }

  /** Resolves when a request arrives whose method and path match. */
  arrival(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }))
  }

  /** Every request meets the fault that `choose` returns for its method and path, until {@link reset}. */
  trouble(choose: (line: string) => Fault | undefined): void {
    this.#choose = choose
  }

  reset(): void {
    this.#rules = []
    this.#choose = undefined
    this.seen.length = 0
    this.givenUp.length = 0
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method} ${request.url}`
    this.seen.push(line)
    response.once('close', () => {
      if (!response.writableFinished) this.givenUp.push(line)
    })
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(line)) resolve()
    const rule = this.#rules.find(
      ({ method, path, times }) => times > 0 && method === request.method && path.test(request.url ?? ''),
    )
    if (rule) rule.times--
    const fault = rule?.fault ?? this.#choose?.(line)

    switch (fault?.kind) {
      case 'drop':
        request.socket.destroy()
        return
      case 'truncateRequest': {
        let received = 0
        for await (const chunk of request) {
          received += chunk.length
          if (received >= fault.bytes) break
        }
        request.socket.destroy()
        return
      }
    }
    const body = Buffer.concat(await request.toArray())
    switch (fault?.kind) {
      case 'hang':
        return
      case 'answer':
        response.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers })
        response.end(request.method === 'HEAD' ? undefined : fault.body)
        return
      case 'damageRequest':
        body[body.length >> 1]! ^= 1
        break
      case 'hold':
        await fault.until
    }

    if (fault?.kind === 'deliverTwice') (await this.#forward(request, body)).resume()
    const answer = await this.#forward(request, body)
    const content = Buffer.concat(await answer.toArray())
    switch (fault?.kind) {
      case 'loseAnswer':
        request.socket.destroy()
        return
      case 'damageAnswer':
        content[content.length >> 1]! ^= 1
        break
      case 'alterAnswer': {
        const altered = { status: answer.statusCode!, headers: { ...answer.headers }, body: content }
        fault.alter(altered)
        altered.headers['content-length'] = String(altered.body.length)
        response.writeHead(altered.status, altered.headers).end(altered.body)
        return
      }
    }
    if (fault?.kind === 'trickle') return trickle(request.socket, answer, content, fault.everyMs)
    response.writeHead(answer.statusCode!, answer.rawHeaders)
    if (fault?.kind === 'truncate') {
      response.write(content.subarray(0, fault.bytes), () => request.socket.destroy())
    } else {
      response.end(content)
    }
  }

  async #forward(request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const forwarded = httpRequest({
      host: this.#target.hostname,
      port: this.#target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: this.#agent,
    })
    forwarded.end(body)
    const [answer] = await once(forwarded, 'response')
    return answer
  }
}

function trickle(socket: Socket, answer: IncomingMessage, content: Uint8Array, everyMs: number): void {
  const pairs = answer.rawHeaders.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  const head = Buffer.from(`HTTP/1.1 ${answer.statusCode} OK\r\n${pairs.join('')}\r\n`)
  const bytes = Buffer.concat([head, content])
  let sent = content.length === 0 ? 1 : head.length
  socket.write(bytes.subarray(0, sent))
  const timer = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), everyMs)
  socket.once('close', () => clearInterval(timer))
}

/** An error as S3 words it. */
export function s3ErrorBody(code: string, message = 'says the test'): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
}
