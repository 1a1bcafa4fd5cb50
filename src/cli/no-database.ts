import { UsageError } from './usage-error.js'

/**
 * The error for a URL at which there is no database, or not the state of it that was asked for.
 * @param cookies of the CLOUDMANIFESTs that do lie there.
 */
export function noDatabase(url: string, cookie: string, cookies: Iterable<string>): UsageError {
  const others = [...cookies].sort().map((other) => (other === '' ? 'none' : `--cookie ${other}`))
  const wanted = cookie === '' ? 'CLOUDMANIFEST' : `CLOUDMANIFEST-${cookie}`
  if (others.length === 0) {
    return new UsageError(
      `${url} holds no database: there is no ${wanted}. Databases below it: cloudenv ls ${url}`,
    )
  }
  const named = others.slice(0, maxNamed).join(', ')
  const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : ''
  return new UsageError(`${url} has no ${wanted}. Its states have the cookies: ${named}${more}`)
}

const maxNamed = 10
