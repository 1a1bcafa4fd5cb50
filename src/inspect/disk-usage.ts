/** Usage of a database, by purpose. Pure. */

import { isCloneIdentity } from '../catalog/clone.js'
import { familyName } from '../catalog/family-name.js'
import { grouped } from '../catalog/grouped.js'
import type { Problem } from '../catalog/problem.js'
import type { Survey, SurveyedObject, SurveyedState } from '../catalog/survey.js'
import type { Epoch } from '../format/epoch.js'
import { type Usage, usageOf } from './usage.js'

export interface DatabaseUsage {
  /** All objects directly at the database's own place. */
  readonly total: Usage
  readonly live: Usage
  readonly garbage: Usage
  /** Objects that an unreadable state may need. */
  readonly undecided: Usage
  readonly foreign: Usage
  /**
   * Live tables and blob files, by column family and level; one that several states share counts once, as the first has
   * it.
   */
  readonly byLevel: readonly LevelUsage[]
  /** CLOUDMANIFESTs, the MANIFESTs that they name, and IDENTITY. */
  readonly metadata: Usage
  /** Objects with an epoch in their name, live or not. */
  readonly byEpoch: readonly EpochUsage[]
  /** Problems of all states. For a clone, without missing objects, which may lie at its source. */
  readonly problems: readonly Problem[]
}

export interface LevelUsage extends Usage {
  readonly columnFamily: string
  /** Undefined for blob files, which have none. */
  readonly level: number | undefined
}

export interface EpochUsage extends Usage {
  readonly epoch: Epoch
  readonly live: Usage
  readonly garbage: Usage
}

/** Usage at the database's own place: the source of a clone keeps, and pays for, its own objects. */
export function usageOfDatabase(survey: Survey): DatabaseUsage {
  const [own] = survey.places
  const objects = survey.objects.filter(({ place, role }) => place === own && role.kind !== 'foreign')
  const known = usageOf(objects)
  const { foreign } = survey
  return {
    total: { objects: known.objects + foreign.objects, bytes: known.bytes + foreign.bytes },
    live: usageOfRole(objects, 'live'),
    garbage: usageOfRole(objects, 'garbage'),
    undecided: usageOfRole(objects, 'undecided'),
    foreign,
    byLevel: levels(survey, objects),
    metadata: usageOf(objects.filter((object) => object.role.kind === 'live' && !isFile(object))),
    byEpoch: epochs(survey, objects),
    problems: problemsOf(survey),
  }
}

/** Usage of a database that has been listed but cannot be looked at. */
export function usageOfUnknown(total: Usage, problem: Problem): DatabaseUsage {
  const none: Usage = { objects: 0, bytes: 0 }
  const { objects, bytes } = total
  return {
    total: { objects, bytes },
    live: none,
    garbage: none,
    undecided: { objects, bytes },
    foreign: none,
    byLevel: [],
    metadata: none,
    byEpoch: [],
    problems: [problem],
  }
}

function problemsOf({ states, identity }: Survey): Problem[] {
  const all = [...states.values()].flatMap(({ problems }) => problems)
  return isCloneIdentity(identity) ? all.filter(({ code }) => code !== 'missing') : all
}

function usageOfRole(objects: readonly SurveyedObject[], kind: SurveyedObject['role']['kind']): Usage {
  return usageOf(objects.filter(({ role }) => role.kind === kind))
}

function isFile({ parsed }: SurveyedObject): boolean {
  return parsed?.kind === 'table' || parsed?.kind === 'blob'
}

function levels({ states }: Survey, objects: readonly SurveyedObject[]): LevelUsage[] {
  const homes = homesOfFiles([...states.values()])
  const live = objects.filter(({ name, role }) => role.kind === 'live' && homes.has(name))
  return [...grouped(live, ({ name }) => homes.get(name)!)]
    .map(([home, members]) => ({ ...home, ...usageOf(members) }))
    .sort(byTree)
}

interface Home {
  readonly columnFamily: string
  readonly level: number | undefined
}

/** Place of each live file in the tree, by the name of its object; one object for each place in the tree. */
function homesOfFiles(states: readonly SurveyedState[]): Map<string, Home> {
  const known = new Map<string, Home>()
  const homeOf = (columnFamily: string, level: number | undefined): Home => {
    const id = `${level} ${columnFamily}`
    const home = known.get(id) ?? { columnFamily, level }
    known.set(id, home)
    return home
  }
  const homes = new Map<string, Home>()
  const settle = (name: string, home: Home) => {
    if (!homes.has(name)) homes.set(name, home)
  }
  for (const { manifest, tables, blobFiles } of states) {
    if (!manifest) continue
    const nameOf = (id: number) => familyName(manifest, id)
    for (const { objectName, table } of tables)
      settle(objectName, homeOf(nameOf(table.columnFamily), table.level))
    for (const { objectName, blobFile } of blobFiles)
      settle(objectName, homeOf(nameOf(blobFile.columnFamily), undefined))
  }
  return homes
}

function byTree(a: Home, b: Home): number {
  const byName = Number(a.columnFamily > b.columnFamily) - Number(a.columnFamily < b.columnFamily)
  return byName || (a.level ?? Number.POSITIVE_INFINITY) - (b.level ?? Number.POSITIVE_INFINITY)
}

function epochs({ states }: Survey, objects: readonly SurveyedObject[]): EpochUsage[] {
  // In the order of their creation, as far as a CLOUDMANIFEST shows it.
  const known = [...states.values()].flatMap(({ cloudManifest }) =>
    cloudManifest ? [...cloudManifest.past.map(({ epoch }) => epoch), cloudManifest.current] : [],
  )
  const ranks = new Map([...new Set(known)].map((epoch, rank) => [epoch, rank]))
  const byEpoch = grouped(objects, ({ parsed }) => (parsed && 'epoch' in parsed ? parsed.epoch : undefined))
  return [...byEpoch]
    .flatMap(([epoch, members]) => (epoch === undefined ? [] : [epochUsage(epoch, members)]))
    .sort((a, b) => (ranks.get(a.epoch) ?? ranks.size) - (ranks.get(b.epoch) ?? ranks.size))
}

function epochUsage(epoch: Epoch, members: readonly SurveyedObject[]): EpochUsage {
  return {
    epoch,
    ...usageOf(members),
    live: usageOfRole(members, 'live'),
    garbage: usageOfRole(members, 'garbage'),
  }
}
