import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const demo = fileURLToPath(new URL('../../dist/demo/demo.js', import.meta.url))

test('the tour loses Iceland, brings it back, and ends with a clone that stands alone', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', demo, '--tour'], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const towns = [...stdout.matchAll(/Towns of Iceland ([\w ]+): (\d+)/g)].map(([, when, count]) => [
    when,
    Number(count),
  ])
  expect(towns).toEqual([
    ['now', 0],
    ['on monday', 33],
    ['in the clone', 33],
    ['in the clone', 34],
  ])
  expect(stdout).toMatch(/^ +╰─.* prod, checkpoint-monday$/m)
}, 60_000)
