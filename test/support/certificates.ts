import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.js'

export interface ServerCertificate {
  readonly key: Buffer
  readonly cert: Buffer
}

/** An untrusted authority, made with openssl, and certificates by it. */
export class TestAuthority {
  /** A file with its certificate, in PEM. */
  readonly file: string
  readonly #directory = temporaryDirectory('cloudenv-certificates')

  constructor() {
    this.file = join(this.#directory, 'authority.pem')
    this.#openssl(
      ...['req', '-x509', ...newKey('authority'), '-out', 'authority.pem', '-days', '2'],
      ...['-subj', '/CN=Test authority'],
    )
  }

  /** @param days that it holds; less than none: it has expired. */
  certify(name: string, days = 2): ServerCertificate {
    writeFileSync(join(this.#directory, 'extensions'), `subjectAltName=DNS:${name}\n`)
    this.#openssl('req', ...newKey('server'), '-out', 'request.pem', '-subj', `/CN=${name}`)
    this.#openssl(
      ...['x509', '-req', '-in', 'request.pem', '-CA', 'authority.pem', '-CAkey', 'authority.key'],
      ...['-CAcreateserial', '-days', `${days}`, '-extfile', 'extensions', '-out', 'server.pem'],
    )
    const read = (file: string) => readFileSync(join(this.#directory, file))
    return { key: read('server.key'), cert: read('server.pem') }
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' })
  }
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`]
}
