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

test('a profile is a section of either file, as the SDK reads them', async () => {
  const config = join(home, 'config')
  vi.stubEnv('AWS_CONFIG_FILE', config)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(home, 'secrets'))
  writeFileSync(
    config,
    '[default]\nregion = x\n[profile prod] # ours\r\nregion = x\n[plain]\nregion = x\n;[profile old]\n',
  )
  writeFileSync(join(home, 'secrets'), '[staging]\naws_access_key_id = profile\n')
  for (const name of ['prod', 'staging', 'default']) await checkProfile(name)
  for (const name of ['pro', 'plain', 'old', 'profile', 'constructor'])
    await expect(checkProfile(name)).rejects.toThrow(UsageError)
})

test('a missing profile is reported with the places searched', async () => {
  vi.stubEnv('HOME', home)
  await expect(checkProfile('nope')).rejects.toThrow(
    `there is no profile "nope", as --profile says, in ${home}/.aws/config or ${home}/.aws/credentials: `,
  )
  await checkProfile('default')
})
