/** `npm run bench -- NAME`: runs one benchmark. Each measures both sides in the same run, and reports ratios. */
const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  tax: async () => (await import('./tax.js')).tax(),
  cache: async () => (await import('./cache.js')).cache(),
  cloud: async () => (await import('./cloud.js')).cloud(),
  write: async () => (await import('./write.js')).write(),
  files: async () => (await import('./files/files.js')).files(),
  depth: async () => (await import('./files/queue-depth.js')).queueDepth(),
  peers: async () => (await import('./peers/peers.js')).peers(),
  requests: async () => (await import('./requests.js')).requests(),
  open: async () => (await import('./open.js')).open(),
}

const name = process.argv[2] ?? ''
const benchmark = benchmarks[name]
if (!benchmark) {
  console.error(
    `expected the name of a benchmark (${Object.keys(benchmarks).join(', ')}), got ${JSON.stringify(name)}`,
  )
  process.exit(2)
}
await benchmark()
