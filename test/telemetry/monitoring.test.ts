// docs/guides/monitoring.md, its dashboard and its alerts, against the metrics that there are.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { cloudEnvEvents } from '#src/cloud/env-events.js'
import type { RequestOutcome } from '#src/index.js'
import { families } from '#src/telemetry/metric-families.js'

const guides = new URL('../../docs/guides/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, guides), 'utf8')
const guide = read('monitoring.md')

const exported = new Set(
  families.flatMap(({ name, type }) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

/** First cells of the tables in a section of the guide. */
function rowsOf(heading: string): string[] {
  const [, section = ''] = guide.split(`\n## ${heading}\n`)
  const [text = ''] = section.split('\n## ')
  return [...text.matchAll(/^\| `(\w+)(?:\{operation\})?` \|/gm)].map(([, name]) => name!).sort()
}

/** Names after the prefix, in a text that names metrics in full. */
const namesIn = (text: string) => [...text.matchAll(/\bcloudenv_(\w+)/g)].map(([, name]) => name!)

test.each(['monitoring.md', 'alerts.yml', 'grafana-dashboard.json'])(
  '%s names only metrics that there are',
  (page) => {
    const names = namesIn(read(page))
    expect(names.filter((name) => !exported.has(name))).toEqual([])
    expect(names.length).toBeGreaterThan(5)
  },
)

test('the guide describes every metric, and no other', () => {
  expect(rowsOf('Metrics')).toEqual(families.map(({ name }) => name).sort())
})

test('the guide describes every event and every outcome, and no other', () => {
  const outcomes = ['ok', 'expected', 'throttled', 'aborted', 'failed'] satisfies readonly RequestOutcome[]
  expect(rowsOf('Events')).toEqual([...cloudEnvEvents, ...outcomes].sort())
})

test('names are as Prometheus wants them: counters end in _total, and nothing else does', () => {
  const counters = families.filter(({ type }) => type === 'counter')
  const totals = families.filter(({ name }) => name.endsWith('_total'))
  expect(totals).toEqual(counters)
  expect(new Set(families.map(({ name }) => name)).size).toBe(families.length)
})

describe('the dashboard', () => {
  interface Panel {
    readonly id: number
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets: readonly { readonly expr: string }[]
  }
  const { panels } = JSON.parse(read('grafana-dashboard.json')) as { readonly panels: readonly Panel[] }

  test('has panels with an id of their own, side by side', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [at, { gridPos: a }] of panels.entries())
      for (const { gridPos: b } of panels.slice(at + 1))
        expect(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true)
  })

  test('asks for the chosen job and instance in every query', () => {
    for (const { targets } of panels)
      for (const { expr } of targets)
        expect(expr.match(/cloudenv_\w+\{job=~"\$job", instance=~"\$instance"/g)).toHaveLength(
          namesIn(expr).length,
        )
  })
})

const hasPromtool = spawnSync('promtool', ['--version']).status === 0

test.skipIf(!hasPromtool)('the alerts fire when they should, says promtool, where that is installed', () => {
  const path = (url: URL) => fileURLToPath(url)
  execFileSync('promtool', ['check', 'rules', path(new URL('alerts.yml', guides))])
  execFileSync('promtool', ['test', 'rules', path(new URL('alerts.test.yml', import.meta.url))])
})
