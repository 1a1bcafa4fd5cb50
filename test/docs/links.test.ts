import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = [
  ...readdirSync(root).map((name) => join(root, name)),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(root, 'docs', name),
  ),
].filter((path) => path.endsWith('.md'))

/** Text of a page without blocks and spans of code, in which nothing is a link or a heading. */
function prose(page: string): string {
  return readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```$/gm, '')
}

/** Anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose(page).matchAll(/^#+ (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const anchor = text
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let unique = anchor
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

/** Reason why a link leads nowhere; undefined if it leads somewhere, or out of the project. */
function fault(page: string, link: string): string | undefined {
  if (/^\w+:/.test(link)) return
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(target)) return 'no such file'
  if (anchor === undefined) return
  if (statSync(target).isDirectory() || !anchorsOf(target).has(anchor)) return 'no such heading'
  return
}

test('every link from one page to another leads to a file and a heading', () => {
  const links = pages.flatMap((page) =>
    [
      ...prose(page)
        .replace(/`[^`\n]*`/g, '')
        .matchAll(/\]\(([^)\s]+)\)/g),
    ].map(([, link = '']) => ({ page, link })),
  )
  const broken = links.flatMap(({ page, link }) => {
    const reason = fault(page, link)
    return reason === undefined ? [] : [`${relative(root, page)}: ${link}: ${reason}`]
  })
  expect(broken).toEqual([])
  expect(links.length).toBeGreaterThan(50)
})
