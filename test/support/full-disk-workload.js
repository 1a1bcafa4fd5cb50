/** @param {number} number of a put */
export const textOf = (number) => `${number}.${Math.sin(number).toString(36).slice(3).repeat(30)}`

/** @param {number} number of a put */
export const familyOf = (number) => (number % 3 === 0 ? 'other' : 'default')
