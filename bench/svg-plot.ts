export interface Plot {
  readonly title: string
  /** Places on the x axis, at equal distances. */
  readonly xLabels: readonly string[]
  readonly yTitle: string
  readonly lines: readonly PlotLine[]
}

export interface PlotLine {
  readonly name: string
  /** One for each place on the x axis, more than 0. */
  readonly values: readonly number[]
}

const width = 760
const height = 420
const area = { left: 64, right: width - 190, top: 44, bottom: height - 40 }
/** Told apart by people who see few colours too (Okabe and Ito). */
const colours = ['#000000', '#0072b2', '#009e73', '#d55e00', '#cc79a7', '#e69f00']

/** A chart of lines with a logarithmic y axis, as an SVG that reads well on a light and on a dark page. */
export function svgPlot({ title, xLabels, yTitle, lines }: Plot): string {
  const values = lines.flatMap((line) => line.values)
  const lowest = Math.floor(Math.log10(Math.min(...values)))
  const highest = Math.ceil(Math.log10(Math.max(...values)))
  const x = (at: number) => area.left + ((area.right - area.left) * at) / (xLabels.length - 1)
  const y = (value: number) =>
    area.bottom - ((area.bottom - area.top) * (Math.log10(value) - lowest)) / (highest - lowest)

  const decades = Array.from({ length: highest - lowest + 1 }, (_, at) => 10 ** (lowest + at))
  const grid = decades.map((value) => {
    const label = text(area.left - 8, y(value) + 4, value.toLocaleString('en'), 'end')
    return `<path d="M${area.left} ${round(y(value))}H${area.right}" stroke="#ddd"/>${label}`
  })
  const ticks = xLabels.map((label, at) => text(x(at), area.bottom + 18, label, 'middle'))
  const nameHeights = apart(lines.map((line) => y(line.values.at(-1)!)))
  const curves = lines.map((line, at) => {
    const colour = colours[at % colours.length]!
    const points = line.values.map((value, place) => `${round(x(place))},${round(y(value))}`)
    const dots = points.map(
      (point) => `<circle cx="${point.replace(',', '" cy="')}" r="3" fill="${colour}"/>`,
    )
    const name = text(area.right + 10, nameHeights[at]! + 4, line.name, 'start', colour)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${name}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${area.left}" y="18" font-size="15">${escaped(title)}</text>`,
    text(area.left - 50, 36, yTitle, 'start'),
    ...grid,
    ...ticks,
    ...curves,
    '</svg>\n',
  ].join('\n')
}

/** Moves heights that are too close together for text apart, in their order. */
function apart(heights: readonly number[]): number[] {
  const lineHeight = 15
  const order = heights.map((_, at) => at).sort((a, b) => heights[a]! - heights[b]!)
  const moved = [...heights]
  order.forEach((at, rank) => {
    const above = order[rank - 1]
    if (above !== undefined) moved[at] = Math.max(moved[at]!, moved[above]! + lineHeight)
  })
  return moved
}

function text(
  x: number,
  y: number,
  content: string,
  anchor: 'start' | 'middle' | 'end',
  fill = '#333',
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${escaped(content)}</text>`
}

function round(value: number): string {
  return value.toFixed(1)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
