/** Wait that an answer asks for, in its header Retry-After; undefined if it names none. */
export function retryAfterMs(headers: Readonly<Record<string, string>> = {}): number | undefined {
  const { 'retry-after': text, date } = headers
  if (text === undefined) return undefined
  // A time of the server's, compared with the time of its answer.
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(date ?? '')
  return ms >= 0 ? ms : undefined
}
