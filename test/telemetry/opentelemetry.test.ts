import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { cloudEnv, RocksDB, type StoreRequest } from '#src/index.js'
import { traceRequests } from '#src/telemetry/opentelemetry.js'
import { Machine } from '../support/machine.js'
import { mainTestStores } from '../support/test-stores.js'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('test')

/** An Env of which a test says what happens. */
class FakeEnv {
  readonly #listeners = new Set<(request: StoreRequest) => void>()

  on(_: unknown, listener: never): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(request: Partial<StoreRequest>): void {
    const whole: StoreRequest = {
      operation: 'get',
      store: 's3://bucket',
      key: 'prod/db/000001.sst-a',
      bytes: 65_536,
      startMs: 1_700_000_000_000,
      milliseconds: 12.5,
      attempt: 2,
      rangeBytes: 65_536,
      isHedge: false,
      outcome: 'ok',
      errorCode: undefined,
      ...request,
    }
    for (const listener of this.#listeners) listener(whole)
  }
}

test('a request is a span with its times, its object and its outcome', () => {
  exporter.reset()
  const env = new FakeEnv()
  const stop = traceRequests(env, { tracer })
  env.tell({})
  stop()
  env.tell({})
  const [span, ...others] = exporter.getFinishedSpans()
  expect(others).toEqual([])
  expect(span).toMatchObject({
    name: 'cloudenv get',
    kind: SpanKind.CLIENT,
    parentSpanContext: undefined,
    startTime: [1_700_000_000, 0],
    duration: [0, 12_500_000],
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'cloudenv.operation': 'get',
      'cloudenv.store': 's3://bucket',
      'cloudenv.key': 'prod/db/000001.sst-a',
      'cloudenv.bytes': 65_536,
      'cloudenv.attempt': 2,
      'cloudenv.is_hedge': false,
      'cloudenv.outcome': 'ok',
    },
  })
})

test.each([
  ['failed', 'TimedOut', SpanStatusCode.ERROR],
  ['throttled', 'IOError', SpanStatusCode.ERROR],
  ['expected', 'NotFound', SpanStatusCode.UNSET],
  ['aborted', 'TimedOut', SpanStatusCode.UNSET],
] as const)('a request that %s has the error %s in its span', (outcome, errorCode, code) => {
  exporter.reset()
  const env = new FakeEnv()
  traceRequests(env, { tracer })
  env.tell({ outcome, errorCode })
  const [span] = exporter.getFinishedSpans()
  expect(span).toMatchObject({ status: { code }, attributes: { 'error.type': errorCode } })
})

test('the requests of a running Env are spans', async () => {
  exporter.reset()
  const [store] = mainTestStores()
  const { options, path } = new Machine(store!.make())
  const env = cloudEnv(options)
  traceRequests(env, { tracer })
  const db = await RocksDB.open(path, { env })
  await db.close()
  await env.close()
  const names = exporter.getFinishedSpans().map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['cloudenv get', 'cloudenv put']))
})
