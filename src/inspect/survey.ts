/**
 * A database as it lies in a bucket, damage included, read without changing anything: the CLOUDMANIFESTs and the
 * MANIFESTs that they name, IDENTITY, and one listing. No table is read.
 */
import type { DatabasePlace, Places } from '../cloud/database-place.js'
import type { StoredFile } from '../cloud/database-view.js'
import type { CloudManifest } from '../format/cloud-manifest.js'
import type { Epoch } from '../format/epoch.js'
import type { ObjectName } from '../format/file-name.js'
import type { LiveBlobFile, LiveTable, Manifest } from '../format/manifest.js'
import type { Garbage } from './garbage.js'
import type { Problem } from './problem.js'

export interface Survey {
  readonly places: Places
  /** Of the database's own place. */
  readonly url: string
  /** What IDENTITY holds, trimmed; undefined where there is none. From the bucket: escape it before it is printed. */
  readonly identity: string | undefined
  /** By cookie, in order, so that the plain one (`''`) comes first. Empty: there is no database. */
  readonly states: ReadonlyMap<string, SurveyedState>
  /** What lies directly at the places and has a name that means something here, and the first 1,000 of the rest. */
  readonly objects: readonly SurveyedObject[]
  /** All objects at the database's own place whose names mean nothing here: how many, and their bytes. */
  readonly foreign: { readonly objects: number; readonly bytes: number }
}

/** One state of the database: what the CLOUDMANIFEST of one cookie leads to. */
export interface SurveyedState {
  readonly cookie: string
  /** The URL of the CLOUDMANIFEST. */
  readonly cloudManifestObject: string
  /** Undefined: damaged, see {@link problems}. */
  readonly cloudManifest: CloudManifest | undefined
  readonly cloudManifestModified: Date | undefined
  /** The URL of the MANIFEST that the CLOUDMANIFEST names. */
  readonly manifestObject: string | undefined
  /** Undefined: missing or damaged. */
  readonly manifest: Manifest | undefined
  /** When the last commit was written. */
  readonly manifestModified: Date | undefined
  /** The bytes of {@link manifest}. */
  readonly manifestBytes: Uint8Array | undefined
  /** Those that the MANIFEST references, in its order. */
  readonly tables: readonly SurveyedTable[]
  readonly blobFiles: readonly SurveyedBlobFile[]
  /** Of the CLOUDMANIFEST, the MANIFEST, and what that references. */
  readonly problems: readonly Problem[]
}

export interface SurveyedTable {
  readonly table: LiveTable
  /** The name that its object has to have, with the epoch. */
  readonly objectName: string
  readonly epoch: Epoch
  /** Undefined: missing. */
  readonly stored: StoredFile | undefined
}

export interface SurveyedBlobFile {
  readonly blobFile: LiveBlobFile
  readonly objectName: string
  readonly epoch: Epoch
  readonly stored: StoredFile | undefined
}

/** An object directly at one of the places. */
export interface SurveyedObject {
  readonly place: DatabasePlace
  /** The last part of its key. From the bucket: escape it before it is printed. */
  readonly name: string
  /** What the name says; undefined where it says nothing here. */
  readonly parsed: ObjectName | undefined
  readonly size: number
  readonly modified: Date
  readonly role: ObjectRole
}

export type ObjectRole =
  /** Needed by the states of these cookies. IDENTITY belongs to all. */
  | { readonly kind: 'live'; readonly cookies: readonly string[] }
  | Garbage
  /** A state cannot be read, and might need it. */
  | { readonly kind: 'undecided' }
  /** It lies at the source, which may need it: nothing that this database can tell. */
  | { readonly kind: 'source' }
  /** Nothing of ours, whatever it is. */
  | { readonly kind: 'foreign' }

/**
 * Looks at the database. What an owner changes meanwhile is not taken for damage: what seems damaged is looked at again
 * until it stays the same.
 * @throws EnvError what the store fails with, and nothing else.
 */
export async function surveyDatabase(_places: Places): Promise<Survey> {
  throw new Error('not there yet')
}
