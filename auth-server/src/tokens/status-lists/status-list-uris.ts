/** The addresses of the status lists; a token names its list by one. */
export interface StatusListUris {
  uriOf: (listId: string) => string
  /** The id in an address, `null` when the address is not one of ours. */
  listIdOf: (uri: string) => string | null
}

/** @param issuer the issuer, without a slash at the end */
export function statusListUris(issuer: string): StatusListUris {
  const prefix = `${issuer}/oauth2/status-lists/`
  return {
    uriOf: listId => prefix + listId,
    listIdOf: uri => (uri.startsWith(prefix) ? uri.slice(prefix.length) : null)
  }
}
