import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Requirement {
  /** For people. */
  readonly what: string
  readonly present: () => boolean
  readonly apt: string
  readonly brew: string
}

interface Machine {
  hasCommand(command: string): boolean
  ensureInstalled(needed: readonly Requirement[]): void
}

// Both seen from build/bench, where this runs.
const machine = (await import(new URL('../../scripts/machine.mjs', import.meta.url).href)) as Machine
const bench = new URL('../../bench/', import.meta.url)

/** Makes sure that a program of the system is there, installed from the package of its own name. */
export function ensureProgram(name: string): void {
  machine.ensureInstalled([{ what: name, present: () => machine.hasCommand(name), apt: name, brew: name }])
}

/** Imports a module of a package of bench/package.json, and installs those packages first if they are missing. */
export async function importPeer(path: string): Promise<unknown> {
  const module = new URL(`node_modules/${path}`, bench)
  if (!existsSync(module))
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: fileURLToPath(bench),
      stdio: 'inherit',
    })
  return await import(module.href)
}
