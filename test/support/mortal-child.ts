import { runChild } from './child.js'

/**
 * Runs code in a process that kills itself before its `atChange`th change of the file system. The code is a module as for
 * `runChild`.
 * @returns whether it was killed; it has to end well otherwise.
 */
export async function killedAt(atChange: number, code: string, args: readonly string[]): Promise<boolean> {
  const prelude = `
    import promises from 'node:fs/promises'
    import { syncBuiltinESMExports } from 'node:module'
    let changes = 0
    const changing = (name, isChange = () => true) => {
      const original = promises[name]
      promises[name] = async (...args) => {
        if (isChange(...args) && ++changes === ${atChange}) process.kill(process.pid, 'SIGKILL')
        return await original(...args)
      }
    }
    for (const name of ['rename', 'rm', 'link', 'mkdir', 'copyFile', 'unlink', 'writeFile']) changing(name)
    changing('open', (_, flags) => typeof flags === 'string' && /[wa]/.test(flags))
    syncBuiltinESMExports()
  `
  const { process: child, ended } = runChild(prelude + code, args)
  child.stdout!.resume()
  const end = await ended
  if (end === 'SIGKILL') return true
  if (end === 0) return false
  throw new Error(`the process ended with ${end}`)
}
