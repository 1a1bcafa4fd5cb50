import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { checkProfile } from '#src/cli/aws-profile.js'
import { UsageError } from '#src/cli/usage-error.js'
import { temporaryDirectory } from '../support/temporary-directory.ts'

let home: string
beforeEach(() => {
  home = temporaryDirectory('cloudenv-home')
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, undefined)
  return () => vi.unstubAllEnvs()
})

test('a profile is known by a section of either file', () => {
  const config = join(home, 'config')
  vi.stubEnv('AWS_CONFIG_FILE', config)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(home, 'secrets'))
  writeFileSync(
    config,
    '[default]\nregion = x\n[profile prod] # ours\r\n[ profile "of all" ]\n;[profile old]\n',
  )
  writeFileSync(join(home, 'secrets'), '[staging]\naws_access_key_id = profile\n')
  for (const name of ['prod', 'of all', 'staging', 'default']) expect(() => checkProfile(name)).not.toThrow()
  for (const name of ['pro', 'old', 'profile', 'nope']) expect(() => checkProfile(name)).toThrow(UsageError)
})

test('one that is not there is told with where it was looked for', () => {
  vi.stubEnv('HOME', home)
  expect(() => checkProfile('nope')).toThrow(
    `there is no profile "nope", as --profile says, in ${home}/.aws/config or ${home}/.aws/credentials: `,
  )
  expect(() => checkProfile('default')).not.toThrow()
})
