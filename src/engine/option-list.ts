/** RocksDB's text form of options: `block_size=16384;filter_policy=nullptr;metadata_cache_options={...}`. */
export type OptionList = readonly (readonly [name: string, value: string])[]

/** The options that a text lists, with or without braces around it; undefined for any other text. */
export function parseOptionList(text: string): OptionList | undefined {
  const trimmed = text.trim()
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed
  const options = splitOutsideBraces(inner)
    .filter((part) => part.trim() !== '')
    .map((part) => /^\s*([\w.]+)\s*=(.*)$/s.exec(part))
  if (options.length === 0 || options.includes(null)) return undefined
  return options.map((match) => [match![1]!, match![2]!.trim()])
}

export function encodeOptionList(options: OptionList): string {
  return `{${options.map(([name, value]) => `${name}=${value}`).join(';')}}`
}

function splitOutsideBraces(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (character === '{') depth += 1
    if (character === '}') depth -= 1
    if (character !== ';' || depth > 0) continue
    parts.push(text.slice(start, index))
    start = index + 1
  }
  return [...parts, text.slice(start)]
}
