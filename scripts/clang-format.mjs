#!/usr/bin/env node
// Formats the C++ sources with clang-format, or with --check fails if they are not formatted.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fail, run, SetupError, step } from './machine.mjs'

/** Releases differ in details, so one of them decides: the one of Debian 12. */
const deciding = '14'

try {
  const version = spawnSync('clang-format', ['--version'], { encoding: 'utf8' }).stdout?.match(
    /version (\d+)/,
  )?.[1]
  const check = process.argv.includes('--check')
  if (version === deciding) {
    run(['clang-format', ...(check ? ['--dry-run', '-Werror'] : ['-i']), ...sources()])
  } else if (check) {
    step(`C++ format not checked: that takes clang-format ${deciding}, here is ${version ?? 'none'}`)
  } else {
    throw new SetupError(`clang-format ${deciding} is needed, here is ${version ?? 'none'}.`)
  }
} catch (error) {
  fail(error)
}

function sources() {
  const directory = fileURLToPath(new URL('../native/', import.meta.url))
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => directory + name)
}
