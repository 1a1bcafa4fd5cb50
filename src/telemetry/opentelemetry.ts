/** Exported as `rocksdb-cloud-env/opentelemetry`. */
import { SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { HostedCloudEnv } from '../hosted-cloud-env.js'
import type { StoreRequest } from '../store/store-request.js'

export interface TracingOptions {
  /** Default: that of the global provider. */
  readonly tracer?: Tracer
}

/**
 * Makes a span of each request to the store, with the times at which it began and ended. A request runs in the thread of
 * the Env and often serves several callers, or none, so its span has no parent. The returned function ends this.
 *
 * @example
 * import { traceRequests } from 'rocksdb-cloud-env/opentelemetry'
 *
 * traceRequests(env)
 */
export function traceRequests(
  env: Pick<HostedCloudEnv, 'on'>,
  { tracer = trace.getTracer('rocksdb-cloud-env') }: TracingOptions = {},
): () => void {
  return env.on('request', (request) => record(tracer, request))
}

function record(tracer: Tracer, request: StoreRequest): void {
  const { operation, store, key, bytes, startMs, milliseconds, attempt, isHedge, outcome, errorCode } =
    request
  const span = tracer.startSpan(`cloudenv ${operation}`, {
    kind: SpanKind.CLIENT,
    startTime: startMs,
    root: true,
    attributes: {
      'cloudenv.operation': operation,
      'cloudenv.store': store,
      'cloudenv.key': key,
      'cloudenv.bytes': bytes,
      'cloudenv.attempt': attempt,
      'cloudenv.is_hedge': isHedge,
      'cloudenv.outcome': outcome,
      ...(errorCode && { 'error.type': errorCode }),
    },
  })
  if (outcome === 'failed' || outcome === 'throttled')
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorCode ?? outcome })
  span.end(startMs + milliseconds)
}
