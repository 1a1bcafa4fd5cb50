// TypeScript, C++ and the documentation agree on the wire protocol.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { magic, maxFrameBytes, maxTransferBytes, Op, protocolVersion } from '#src/host/wire.js'

const header = readFileSync(new URL('../../native/bridge/wire.h', import.meta.url), 'utf8')
const documentation = readFileSync(new URL('../../docs/wire-protocol.md', import.meta.url), 'utf8')

/** `getFileSize`, from `kGetFileSize`. */
function fromConstant(name: string): string {
  return name.charAt(1).toLowerCase() + name.slice(2)
}

/** `getFileSize`, from `GET_FILE_SIZE`. */
function fromDocumented(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** The value of a constant of C++: a number, or one shifted to the left. */
function constant(name: string): number {
  const found = new RegExp(`constexpr \\w+ ${name} = (\\w+)(?: << (\\d+))?;`).exec(header)
  if (!found) throw new Error(`wire.h has no ${name}`)
  return Number(found[1]) * 2 ** Number(found[2] ?? 0)
}

test('the op codes are the same in C++', () => {
  const [, body = ''] = /enum class Op : uint8_t \{([^}]*)\}/.exec(header) ?? []
  const inCpp = [...body.matchAll(/(k\w+) = (\d+),/g)].map(([, name = '', code]) => [
    fromConstant(name),
    Number(code),
  ])
  expect(Object.fromEntries(inCpp)).toEqual(Op)
})

test('the op codes are the same in the documentation', () => {
  const documented = [...documentation.matchAll(/^\| (\d+) ([A-Z_]+)\b/gm)].map(([, code, name = '']) => [
    fromDocumented(name),
    Number(code),
  ])
  expect(Object.fromEntries(documented)).toEqual(Op)
})

test('the limits and the version are the same in C++', () => {
  expect(constant('kMagic')).toBe(magic)
  expect(constant('kProtocolVersion')).toBe(protocolVersion)
  expect(constant('kMaxBodyBytes')).toBe(maxFrameBytes)
  expect(constant('kMaxTransferBytes')).toBe(maxTransferBytes)
})
