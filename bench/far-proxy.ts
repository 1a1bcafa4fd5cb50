/**
 * Makes a server on this machine a far one: each piece that goes to it arrives later. A process of its own, so that its
 * CPU is nobody's. Arguments: port of the server, latency in milliseconds. Tells its parent its own port.
 */
import { connect, createServer, type Socket } from 'node:net'

const [serverPort, latencyMs] = process.argv.slice(2).map(Number) as [number, number]

createServer({ noDelay: true }, (client) => {
  const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true })
  pass(client, server, (send) => setTimeout(send, latencyMs))
  pass(server, client, (send) => send())
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.((this.address() as { readonly port: number }).port)
})
process.on('disconnect', () => process.exit())

/** Passes on each piece, in order. */
function pass(from: Socket, to: Socket, when: (send: () => void) => void): void {
  from.on('data', (piece) => when(() => void to.write(piece)))
  from.on('end', () => when(() => void to.end()))
  from.on('error', () => to.destroy())
}
