/**
 * The `Authorization` value by which an OAuth client proves itself with its secret. Identifier and secret are
 * form-encoded first, so that a colon, a percent sign or a letter outside ASCII in either survives.
 * @see RFC 6749 §2.3.1
 */
export function basicClientAuthorization(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64')}`
}

/** `application/x-www-form-urlencoded`, of one value. */
function formEncode(value: string): string {
  return new URLSearchParams([['', value]]).toString().slice(1)
}
