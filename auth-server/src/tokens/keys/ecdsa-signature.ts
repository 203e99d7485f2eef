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

/**
 * The inverse, for verification; `null` when the signature does not have exactly 64 bytes.
 * @see RFC 7518 §3.4
 */
export function derOfJose(jose: Buffer): Buffer | null {
  if (jose.length !== 2 * COORDINATE_BYTES) return null
  const r = derInteger(jose.subarray(0, COORDINATE_BYTES))
  const s = derInteger(jose.subarray(COORDINATE_BYTES))
  return Buffer.concat([Buffer.of(0x30, 4 + r.length + s.length, 0x02, r.length), r, Buffer.of(0x02, s.length), s])
}

/** Writes a DER integer right-aligned so that it ends at `end`; DER may have put a zero byte in front. */
function copyInteger(integer: Buffer, target: Buffer, end: number): void {
  const digits = integer.subarray(Math.max(0, integer.length - COORDINATE_BYTES))
  digits.copy(target, end - digits.length)
}

function derInteger(coordinate: Buffer): Buffer {
  let start = 0
  while (start < coordinate.length - 1 && coordinate[start] === 0) start++
  const digits = coordinate.subarray(start)
  return digits.readUInt8(0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits
}
