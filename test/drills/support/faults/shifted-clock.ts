import type { Drill } from '../types.ts'
import { startVerifyingApp } from '../verifying-app.ts'

const TOLERANCE_SECONDS = 5
const SHIFT_SECONDS = 30

/** The clock of a service is ahead of its issuer's, or behind: within the tolerance nobody notices. */
export const shiftedClock: Drill = async ({ random }) => {
  const app = await startVerifyingApp()
  const saw: Record<string, number> = {}
  const lost: string[] = []
  const expect = async (what: string, token: string, refusal: string | null): Promise<void> => {
    const answer = await app.ask(token)
    saw[answer] = (saw[answer] ?? 0) + 1
    const isAsWanted = refusal === null ? answer === '200' : answer === REFUSED && app.reason() === refusal
    if (!isAsWanted) lost.push(`${what} was ${answer} (${app.reason()})`)
  }
  const within = (TOLERANCE_SECONDS - 1) * random()
  try {
    for (const ahead of [within, -within, SHIFT_SECONDS, -SHIFT_SECONDS]) {
      app.shiftClock(ahead * 1000)
      const issuedAt = Math.floor(Date.now() / 1000)
      const fresh = app.issuer.token({ iat: issuedAt, nbf: issuedAt, exp: issuedAt + 300 })
      const old = app.issuer.token({ iat: issuedAt - 300, nbf: issuedAt - 300, exp: issuedAt + 10 })
      // Who is behind takes a token of now for one of the future; who is ahead takes a token for over too early.
      await expect(`a fresh token at ${ahead} s`, fresh, ahead < -TOLERANCE_SECONDS ? 'token-not-yet-valid' : null)
      await expect(`one of the last 10 s at ${ahead} s`, old, ahead > 10 + TOLERANCE_SECONDS ? 'token-expired' : null)
    }
    app.shiftClock(0)
    await expect('a token when the clocks agree again', app.issuer.token(), null)
  } finally {
    await app.close()
  }
  return { saw, lost }
}

const REFUSED = '401 SALLYPORT_AUTHENTICATION_TOKEN_INVALID'
