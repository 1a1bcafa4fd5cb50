/** A key as S3 encodes it in listings: a space may come as `+`, a plus never does. Unencoded text is the key itself. */
export function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
