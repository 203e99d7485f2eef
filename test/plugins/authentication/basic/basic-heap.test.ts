import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { writeHeapSnapshot } from 'node:v8'
import authentication from '@sallyport/authentication'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { FakeIssuer } from '../../support/fake-issuer.ts'

/** Hex of bytes, made anew each time: the test itself must keep no copy of the password. */
const passwordOf = (seed: Buffer): string => seed.toString('hex')

const credentialOf = (seed: Buffer): string => Buffer.from(`customer1:${passwordOf(seed)}`).toString('base64')

/** Which of these texts are in a string of the heap; they are made only once the snapshot is written. */
function heldOf(t: Test, seed: Buffer): boolean[] {
  const snapshot = readFileSync(writeHeapSnapshot(join(t.testdir({}), 'heap.json')))
  return [passwordOf, credentialOf].map(make => snapshot.includes(make(seed)))
}

/** Over a socket: `inject` keeps the requests it made. */
async function answerTo(port: number, credential: () => string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(
    Buffer.from(
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic ${credential()}\r\n\r\n`
    )
  )
  return await text(socket)
}

t.test('after the answers the heap holds neither the password nor the credential', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  app.decorateRequest('principal', null)
  // Any password is good, so that the fake server keeps none either.
  const tokenClient = {
    ...issuer.tokenClient,
    password: async () => await issuer.tokenClient.password({ username: 'customer1', password: 'pass:word' })
  }
  await app.register(authentication, { verifier: issuer.verifier, basic: { tokenClient, clock: issuer.clock } })
  app.get('/', { config: { access: 'authenticated' } }, async request => ({ token: request.accessToken }))
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const seed = randomBytes(24)

  t.match(await answerTo(Number(port), () => credentialOf(seed)), /^HTTP\/1\.1 200 /)
  // Others, so that nothing of the machinery of one request still points at that credential.
  for (let other = 0; other < 3; other++) {
    t.match(await answerTo(Number(port), () => 'YW46b3RoZXI='), /^HTTP\/1\.1 200 /)
  }
  t.same(heldOf(t, seed), [false, false])

  const kept = [passwordOf(seed), credentialOf(seed)]
  t.same(heldOf(t, seed), [true, true], 'the search finds what is there')
  t.equal(kept.length, 2)
})
