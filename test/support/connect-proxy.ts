import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A proxy for https, as companies have them: it connects to the target of a CONNECT, or refuses. */
export class ConnectProxy {
  readonly url: string
  /** Targets that clients requested. */
  readonly targets: string[] = []
  /** Status of the answer to every CONNECT, instead of a connection. */
  refusal: number | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  static async start(): Promise<ConnectProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ConnectProxy(server)
  }

  private constructor(server: Server) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.url = `http://user:password@127.0.0.1:${port}`
    server.on('connect', (request, client: Socket) => {
      this.targets.push(request.url ?? '')
      if (this.refusal !== undefined) {
        client.end(`HTTP/1.1 ${this.refusal} Refused\r\n\r\n`)
        return
      }
      const { port: targetPort } = new URL(`http://${request.url}`)
      // Ignores the name: every server of a test is on this machine.
      const target = connect(Number(targetPort), '127.0.0.1')
      for (const socket of [client, target]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
      }
      client.write('HTTP/1.1 200 Connected\r\n\r\n')
      client.pipe(target).pipe(client)
    })
  }

  async stop(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
