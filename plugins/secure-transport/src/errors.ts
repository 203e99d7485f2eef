import createError from '@fastify/error'

/** Boot: options of the plugin or of a peer agent are not valid; the message names every mistake. */
export const TransportOptionsError = createError(
  'SALLYPORT_TRANSPORT_OPTIONS_INVALID',
  'Options of @sallyport/secure-transport: %s',
  500
)

/**
 * Boot: certificate, private key or CA cannot be read, do not belong together, or are not valid today; lists every
 * mistake.
 */
export const TlsMaterialError = createError(
  'SALLYPORT_TRANSPORT_MATERIAL_INVALID',
  'The TLS material cannot be used: %s',
  500
)

/** Boot: a variable or flag of Node.js weakens TLS or HTTP parsing for the whole process; lists every one. */
export const InsecureRuntimeError = createError('SALLYPORT_TRANSPORT_RUNTIME_INSECURE', 'Refusing to run: %s', 500)

/** Call: a peer agent was asked for plain HTTP to something that is not loopback. */
export const PlaintextRefusedError = createError(
  'SALLYPORT_TRANSPORT_PLAINTEXT_REFUSED',
  'Plain HTTP to %s is refused',
  500
)

/** Call: too many calls to one peer wait for a connection, or this one has waited too long. */
export const PeerBusyError = createError('SALLYPORT_TRANSPORT_PEER_BUSY', 'Too many calls wait for the peer', 503)

/** Request: a header that decides something is there twice. */
export const DuplicateHeaderError = createError('SALLYPORT_TRANSPORT_HEADER_DUPLICATE', 'The request is not valid', 400)

/** Request: more header lines than allowed. */
export const TooManyHeadersError = createError(
  'SALLYPORT_TRANSPORT_HEADERS_TOO_MANY',
  'Request Header Fields Too Large',
  431
)

/** Request: HTTP/1.1 without a `Host`. @see RFC 9112 §3.2 */
export const HostMissingError = createError('SALLYPORT_TRANSPORT_HOST_MISSING', 'The request is not valid', 400)

/** Request: its body has a transfer coding that is not `chunked` alone, or comes with HTTP/1.0. @see RFC 9112 §6.1 */
export const FramingRefusedError = createError('SALLYPORT_TRANSPORT_FRAMING_REFUSED', 'The request is not valid', 400)

/** Request: it expects something other than `100-continue`. @see RFC 9110 §10.1.1 */
export const ExpectationRefusedError = createError(
  'SALLYPORT_TRANSPORT_EXPECTATION_REFUSED',
  'The expectation of the request cannot be met',
  417
)
