/** Odd primes that divide the primorial of the flawed generator for every key length. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167
]

const POWERS: ReadonlyArray<readonly [prime: bigint, powers: ReadonlySet<number>]> = PRIMES.map(prime => [BigInt(prime), powersOf65537(prime)])

/**
 * Whether an RSA modulus has the fingerprint of the flawed Infineon key generator, whose keys can be factored: modulo
 * each small prime it is a power of 65537. A sound modulus has it with a chance of about one in a hundred million.
 * @param modulus the JWK's `n`
 * @see CVE-2017-15361
 */
export function isRocaModulus (modulus: Uint8Array): boolean {
  const n = BigInt(`0x${Buffer.from(modulus).toString('hex') || '0'}`)
  return POWERS.every(([prime, powers]) => powers.has(Number(n % prime)))
}

function powersOf65537 (prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}
