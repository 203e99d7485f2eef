/** Bytes of one coordinate of P-256. */
const COORDINATE_BYTES = 32

/**
 * An ECDSA signature over P-256 from DER to the fixed-length form of JWS. Signing in DER and converting here is a good
 * deal cheaper than `dsaEncoding: 'ieee-p1363'`.
 * @see RFC 7518 §3.4
 */
export function joseOfDer(der: Buffer): Buffer {
  const jose = Buffer.alloc(2 * COORDINATE_BYTES)
  const rLength = der.readUInt8(3)
  copyInteger(der.subarray(4, 4 + rLength), jose, COORDINATE_BYTES)
  const sOffset = 4 + rLength + 2
  copyInteger(der.subarray(sOffset, sOffset + der.readUInt8(sOffset - 1)), jose, 2 * COORDINATE_BYTES)
  return jose
}

/** Writes a DER integer right-aligned so that it ends at `end`; DER may have put a zero byte in front. */
function copyInteger(integer: Buffer, target: Buffer, end: number): void {
  const digits = integer.subarray(Math.max(0, integer.length - COORDINATE_BYTES))
  digits.copy(target, end - digits.length)
}
