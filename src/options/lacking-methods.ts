/** Those of the names under which a value that a user's module made has no function. */
export function lackingMethods(value: object, names: readonly string[]): string[] {
  return names.filter((name) => typeof (value as Readonly<Record<string, unknown>>)[name] !== 'function')
}
