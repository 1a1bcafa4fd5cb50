import { spawnSync } from 'node:child_process'

/** What the name of a test says where it is skipped. */
export const needsNamespaces =
  spawnSync('unshare', ['-n', 'true']).status === 0 ? '' : ' (skipped: needs root and unshare)'
