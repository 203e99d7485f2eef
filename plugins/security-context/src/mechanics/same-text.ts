import { timingSafeEqual } from 'node:crypto'

/** Compares secrets in a time that says nothing of what they have in common; their lengths are no secret. */
export function isSameText(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}
