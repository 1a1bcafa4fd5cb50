import { homedir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from './usage-error.js'

/**
 * Checks that a profile is in the shared AWS configuration files: without it, the SDK would go on to any credentials
 * that it finds elsewhere.
 * @throws UsageError
 */
export async function checkProfile(name: string, option = '--profile'): Promise<void> {
  // A profile of this name always exists, if only an empty one.
  if (name === 'default') return
  const { loadSharedConfigFiles } = await import('@smithy/core/config')
  const { configFile, credentialsFile } = await loadSharedConfigFiles()
  if (Object.hasOwn(configFile, name) || Object.hasOwn(credentialsFile, name)) return
  const files = [
    configurationFile('AWS_CONFIG_FILE', 'config'),
    configurationFile('AWS_SHARED_CREDENTIALS_FILE', 'credentials'),
  ]
  throw new UsageError(
    `there is no profile ${JSON.stringify(name)}, as ${option} says, in ${files.join(' or ')}: choose one that is there, or ` +
      'name other files with AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE',
  )
}

/** Path of a configuration file, as the SDK finds it. */
function configurationFile(variable: string, name: string): string {
  const path = process.env[variable] || `~/.aws/${name}`
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
}
