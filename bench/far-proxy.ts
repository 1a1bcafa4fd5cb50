/**
 * Makes a server on this machine a far one: each piece that goes to it arrives later, and what comes back is no faster
 * than a rate. A process of its own, so that its CPU is nobody's. Arguments: port of the server, latency in
 * milliseconds, bytes a second (0: no limit). Tells its parent its own port.
 */
import { connect, createServer, type Socket } from 'node:net'

const [serverPort, latencyMs, bytesPerSecond] = process.argv.slice(2).map(Number) as [number, number, number]

/** Time at which all that was sent so far has gone through the wire. */
let wireFreeAt = 0

createServer({ noDelay: true }, (client) => {
  const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true })
  later(client, server, () => latencyMs)
  later(server, client, (bytes) => {
    if (bytesPerSecond === 0) return 0
    const now = performance.now()
    wireFreeAt = Math.max(wireFreeAt, now) + (bytes * 1000) / bytesPerSecond
    return wireFreeAt - now
  })
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.((this.address() as { readonly port: number }).port)
})
process.on('disconnect', () => process.exit())

/** Passes on each piece after its delay, in order. */
function later(from: Socket, to: Socket, delayMs: (bytes: number) => number): void {
  from.on('data', (piece) => {
    const ms = delayMs(piece.length)
    if (ms === 0) to.write(piece)
    else setTimeout(() => to.write(piece), ms)
  })
  from.on('end', () => setTimeout(() => to.end(), latencyMs + 1))
  from.on('error', () => to.destroy())
}
