import { once } from 'node:events'
import { createConnection } from 'node:net'

/**
 * Reports whether the process that listened on this socket is gone. Only a refused connection proves it: a host that is
 * busy may have no room for one more (`EAGAIN`).
 */
export async function isDeadSocket(path: string): Promise<boolean> {
  const socket = createConnection(path).unref()
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}
