import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from './usage-error.js'

/**
 * Makes sure that a profile is in the shared AWS configuration files: without it the SDK would go on to whatever
 * credentials it finds elsewhere.
 * @throws UsageError
 */
export function checkProfile(name: string): void {
  // There is always one of this name, if only an empty one.
  if (name === 'default') return
  const files = [
    configurationFile('AWS_CONFIG_FILE', 'config'),
    configurationFile('AWS_SHARED_CREDENTIALS_FILE', 'credentials'),
  ]
  if (files.some((path) => profilesIn(path).includes(name))) return
  throw new UsageError(
    `there is no profile ${JSON.stringify(name)}, as --profile says, in ${files.join(' or ')}: choose one that is there, or ` +
      'name other files with AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE',
  )
}

/** As the SDK finds it. */
function configurationFile(variable: string, name: string): string {
  const path = process.env[variable] || `~/.aws/${name}`
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
}

/** Sections are called `[name]` in the one file and `[profile name]` in the other. */
function profilesIn(path: string): string[] {
  return [...contentOf(path).matchAll(/^\s*\[\s*(?:profile\s+)?(["']?)(.*?)\1\s*\]/gm)].map(
    ([, , name]) => name!,
  )
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
