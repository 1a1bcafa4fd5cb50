/** Groups the items by the result of the function, in the order in which the groups appear. */
export function grouped<T, Group>(items: Iterable<T>, groupOf: (item: T) => Group): Map<Group, T[]> {
  const groups = new Map<Group, T[]>()
  for (const item of items) {
    const group = groupOf(item)
    const members = groups.get(group)
    if (members) members.push(item)
    else groups.set(group, [item])
  }
  return groups
}
