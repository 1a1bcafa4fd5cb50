// Bundles the modules of the thread that hosts a cloud Env: Node.js takes longer than a millisecond
// to load each of some 200 modules, and every first opening waits for all of them.
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const dist = new URL('../dist/', import.meta.url)
/** @param {string} path */
const compiled = (path) => fileURLToPath(new URL(path, dist))

/**
 * Modules of the error classes that the package exports: a user's module throws them in the host, which tells them by
 * `instanceof`. They stay outside, so that both have the same class.
 */
const shared = Object.fromEntries(
  ['env/env-error.js', 'store/object-store.js'].map((path) => [compiled(path), `../${path}`]),
)

const bundle = await rolldown({
  input: { worker: compiled('host/worker.js'), 'cloud-env': compiled('cloud/cloud-env.js') },
  platform: 'node',
  external: (id, _importer, isResolved) => (isResolved ? id in shared : !/^[./]/.test(id)),
})
await bundle.write({
  dir: compiled('bundle'),
  format: 'esm',
  sourcemap: true,
  paths: shared,
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  cleanDir: true,
})
await bundle.close()
