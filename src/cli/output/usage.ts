import type { Usage } from '../../inspect/usage.js'
import { counted, formatBytes } from './text.js'

/** `3 objects, 1.2 KiB`. */
export function usageText({ objects, bytes }: Usage): string {
  return `${counted(objects, 'object')}, ${formatBytes(bytes)}`
}
