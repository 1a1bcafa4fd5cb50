// Runs a piece of test code in a process of its own, to be killed or raced with.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

export interface Child {
  readonly process: ChildProcess
  /** The lines that it prints, as they come. */
  readonly lines: AsyncIterator<string>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

/**
 * `code` is a module in which `load('store/directory-store.js')` imports compiled code.
 * @param openFiles how many descriptors it may have. Default: as many as this process.
 * @param nodeOptions options of Node.js.
 * @param isolated in a network namespace of its own, as in another container.
 */
export function runChild(
  code: string,
  args: readonly string[] = [],
  {
    openFiles,
    nodeOptions = [],
    isolated = false,
  }: {
    readonly openFiles?: number
    readonly nodeOptions?: readonly string[]
    readonly isolated?: boolean
  } = {},
): Child {
  const prelude = `const load = (path) => import(${JSON.stringify(dist)} + path); const args = process.argv.slice(1);\n`
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles} && `
  const node = [process.execPath, ...nodeOptions, '--input-type=module', '-e', prelude + code, '--', ...args]
  const child = spawn('sh', ['-c', `${limit}exec ${isolated ? 'unshare -n ' : ''}"$@"`, 'sh', ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  return { process: child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator](), ended }
}
