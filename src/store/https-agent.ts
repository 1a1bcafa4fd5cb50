import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { HttpsProxyAgent } from 'hpagent'
import { EnvError } from '../env/env-error.js'

interface AgentLimits {
  readonly keepAlive: boolean
  readonly maxSockets: number
}

/**
 * Connections to https servers as the environment asks for them: through the proxy that HTTPS_PROXY names, for hosts
 * that NO_PROXY does not exempt, and with the authorities of AWS_CA_BUNDLE beside those that Node.js trusts.
 * @throws EnvError InvalidArgument: a variable is unusable.
 */
export function httpsAgent(limits: AgentLimits): Agent {
  const secureContext = trustedAuthorities()
  const options = { ...limits, ...(secureContext && { secureContext }) }
  const proxy = proxyUrl()
  return proxy ? new SelectiveProxyAgent({ ...options, proxy }) : new Agent(options)
}

/** Built once: reading a hundred certificates for each connection would take longer than the connection. */
function trustedAuthorities(): SecureContext | undefined {
  const bundle = process.env.AWS_CA_BUNDLE
  if (!bundle) return undefined
  // A context of our own has none of the authorities that Node.js adds by itself.
  const extra = process.env.NODE_EXTRA_CA_CERTS
  return createSecureContext({
    ca: [...rootCertificates, readBundle(bundle), ...(extra ? [readIfThere(extra)] : [])],
  })
}

function readBundle(path: string): string {
  try {
    const bundle = readFileSync(path, 'utf8')
    // OpenSSL would skip anything that is no certificate.
    new X509Certificate(bundle)
    return bundle
  } catch (error) {
    const reason = `cannot read certificates in PEM from ${path}: ${(error as Error).message}`
    throw unusable('AWS_CA_BUNDLE', reason, error)
  }
}

/** Node.js has already warned about a missing one. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function proxyUrl(): URL | undefined {
  // Set even if NO_PROXY exempts everything: each connection checks that.
  const given = process.env.https_proxy || process.env.HTTPS_PROXY
  if (!given) return undefined
  const url = /^https?:\/\//.test(given) ? given : `http://${given}`
  // Not quoted: it may contain a password.
  if (!URL.canParse(url)) throw unusable('HTTPS_PROXY', 'expected a URL such as http://proxy:3128')
  return new URL(url)
}

function unusable(variable: string, reason: string, cause?: unknown): EnvError {
  return new EnvError('InvalidArgument', `the environment variable ${variable}: ${reason}`, { cause })
}

class SelectiveProxyAgent extends HttpsProxyAgent {
  override createConnection(target: RequestOptions, connected?: Connected): Duplex | null | undefined {
    if (isExempt(target)) return Agent.prototype.createConnection.call(this, target, connected)
    return super.createConnection(target, (error, socket) => {
      connected?.(error && Object.assign(error, { name: 'ProxyError' }), socket)
    })
  }
}

type Connected = (error: Error | null, socket: Duplex) => void

/** Applies NO_PROXY: names, each with everything below it, perhaps with a port, or `*`. */
function isExempt({ host, port }: RequestOptions): boolean {
  const name = (host ?? '').toLowerCase()
  // No proxy can reach a server on this machine.
  if (/^(localhost|127\.[\d.]+|::1)$/.test(name)) return true
  const exempt = (process.env.no_proxy || process.env.NO_PROXY || '').toLowerCase().split(/[\s,]+/)
  return exempt.some((entry) => {
    const [, domain = '', ofPort] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? []
    if (domain === '' || (ofPort !== undefined && ofPort !== String(port))) return false
    return domain === '*' || name === domain || name.endsWith(`.${domain}`)
  })
}
