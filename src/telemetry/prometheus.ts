/** Exported as `rocksdb-cloud-env/prometheus`. */
import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client'
import type { CloudEnvMetrics } from '../cloud/env-metrics.js'
import type { HostedCloudEnv } from '../hosted-cloud-env.js'
import { type Family, families, type Sample } from './metric-families.js'

export interface PrometheusOptions {
  readonly register: Registry<PrometheusContentType> | Registry<OpenMetricsContentType>
  /** In front of each name. Two Envs in one registry need different ones. Default `cloudenv_`. */
  readonly prefix?: string
}

/**
 * Adds the metrics of an Env to a registry of prom-client. They are read when somebody asks the registry for them, and at
 * no other time. The returned function removes them. See docs/guides/monitoring.md for what each of them counts.
 *
 * @example
 * import { register } from 'prom-client'
 * import { registerPrometheus } from 'rocksdb-cloud-env/prometheus'
 *
 * registerPrometheus(env, { register })
 * createServer(async (_, response) => response.end(await register.metrics())).listen(9464)
 *
 * @throws Error the registry has a metric of such a name.
 */
export function registerPrometheus(
  env: Pick<HostedCloudEnv, 'metrics'>,
  { register, prefix = 'cloudenv_' }: PrometheusOptions,
): () => void {
  const read = sharedReader(env)
  const metrics = families.map((family) => new EnvMetric(`${prefix}${family.name}`, family, read))
  for (const metric of metrics) register.registerMetric(metric as never)
  return () => {
    for (const { name } of metrics) register.removeSingleMetric(name)
  }
}

/** Whatever the Env says; undefined if it does not run, or its host is gone. */
type ReadMetrics = () => Promise<CloudEnvMetrics | undefined>

/** Asks once for all the metrics that a registry collects at the same time. */
function sharedReader(env: Pick<HostedCloudEnv, 'metrics'>): ReadMetrics {
  let reading: Promise<CloudEnvMetrics | undefined> | undefined
  return () => {
    reading ??= env
      .metrics()
      .catch(() => undefined)
      .finally(() => {
        reading = undefined
      })
    return reading
  }
}

/**
 * A metric as a registry sees it. Those of prom-client count by themselves; in particular, nobody can set the buckets of
 * its histogram.
 */
class EnvMetric {
  /** Changed by a registry of the format OpenMetrics, which has counters without `_total`. */
  name: string
  readonly help: string
  readonly type: Family['type']
  readonly aggregator = 'sum'
  readonly #samples: Family['samples']
  readonly #read: ReadMetrics

  constructor(name: string, { help, type, samples }: Family, read: ReadMetrics) {
    this.name = name
    this.help = help
    this.type = type
    this.#samples = samples
    this.#read = read
  }

  async get() {
    const values = this.#samples(await this.#read()).map((sample) => this.#value(sample))
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }

  /** The counts are the Env's. */
  reset(): void {}

  #value({ value, labels = {}, suffix }: Sample) {
    return { value, labels, ...(suffix && { metricName: `${this.name}${suffix}` }) }
  }
}
