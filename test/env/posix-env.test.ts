import { createPosixEnv } from '#src/env/posix-env.js'
import { describeEnv } from './env-contract.ts'

describeEnv('PosixEnv', createPosixEnv, { local: true })
