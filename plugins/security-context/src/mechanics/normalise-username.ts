/**
 * One form for every spelling of a user name, so that case, spaces around it or compatibility characters neither make a
 * second account nor get around a throttle, and whoever looks for a name in the trail finds all of them.
 */
export function normaliseUsername(username: string): string {
  return username.normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase()
}
