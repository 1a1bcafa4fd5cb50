import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

/** A package whose native part is not built. */
function unbuiltPackage(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cloudenv-unbuilt-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(fileURLToPath(new URL('../../dist/binding', import.meta.url)), join(directory, 'dist/binding'), {
    recursive: true,
  })
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  return directory
}

test('the package without its native part says what to run', async () => {
  const directory = unbuiltPackage()
  await expect(import(join(directory, 'dist/binding/native.js'))).rejects.toThrow(
    /is not built: .*build\/native\/cloudenv_native\.node is missing\. Run "npx cloudenv build"/,
  )
})

test('the package with a native part for another machine says what to run', async () => {
  const directory = unbuiltPackage()
  mkdirSync(join(directory, 'build/native'), { recursive: true })
  writeFileSync(join(directory, 'build/native/cloudenv_native.node'), 'not a library')
  await expect(import(join(directory, 'dist/binding/native.js'))).rejects.toThrow(
    /cannot be loaded\. Run "npx cloudenv build"/,
  )
})
