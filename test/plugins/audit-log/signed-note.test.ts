import { randomBytes } from 'node:crypto'
import t from 'tap'
import { checkpointSigner, openCheckpoint, parseVerifier, checkpointVerifier, verifierText } from '@sallyport/audit-log'
import { signCheckpoint } from '../../../plugins/audit-log/src/checkpoint/checkpoint.ts'
import { openNote, signNote } from '../../../plugins/audit-log/src/checkpoint/signed-note.ts'

const ORIGIN = 'orders.example.com/audit'
const signer = checkpointSigner(ORIGIN, Buffer.alloc(32, 'a seed of the tests'))
const verifier = checkpointVerifier(signer)
const tree = { size: 42, root: randomBytes(32), chainHash: randomBytes(32) }

t.test('a note of another implementation is opened with the key as it was published', async t => {
  const known = parseVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  const text =
    'If you think cryptography is the answer to your problem,\nthen you don\u2019t know what your problem is.\n'
  const note = `${text.replace('\u2019', "'")}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`
  t.ok(known)
  t.equal(openNote(note, known === null ? [] : [known]), text.replace('\u2019', "'"))
})

t.test('a checkpoint has the form of C2SP, and says the same again', async t => {
  const note = signCheckpoint(tree, [signer])
  const id = Buffer.alloc(4)
  id.writeUInt32BE(verifier.keyId)
  const [origin, size, root, chain, empty, signature] = note.split('\n')
  t.same(
    [origin, size, root, chain, empty],
    [ORIGIN, '42', tree.root.toString('base64'), `chain ${tree.chainHash.toString('base64')}`, '']
  )
  t.match(signature, `\u2014 ${ORIGIN} `)
  t.same(Buffer.from(signature?.split(' ')[2] ?? '', 'base64').subarray(0, 4), id)
  t.same(openCheckpoint(note, [verifier]), { origin: ORIGIN, ...tree, replaces: [] })
})

t.test('a key keeps its text, and a text that is not of a key is none', async t => {
  const text = verifierText(verifier)
  t.same(parseVerifier(text)?.keyId, verifier.keyId)
  const wrong = [
    '',
    'a+b+c',
    text.slice(0, -4),
    `x${text}`,
    text.replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
    `${text}\n`,
    text.replace('+A', '+B')
  ]
  for (const each of wrong) t.equal(parseVerifier(each), null, each)
  t.throws(() => checkpointSigner('with space', Buffer.alloc(32)), TypeError)
  t.throws(() => checkpointSigner('a+b', Buffer.alloc(32)), TypeError)
  t.throws(() => checkpointSigner(ORIGIN, Buffer.alloc(31)), TypeError)
})

t.test('during a rotation both keys sign, and whoever knows one of them opens it', async t => {
  const newer = checkpointSigner(ORIGIN, randomBytes(32))
  const note = signCheckpoint(tree, [newer, signer])
  for (const known of [verifier, checkpointVerifier(newer)]) t.ok(openCheckpoint(note, [known]))
  t.equal(
    openCheckpoint(note, [checkpointVerifier(checkpointSigner(ORIGIN, randomBytes(32)))]),
    null,
    'nobody known signed it'
  )
})

t.test('whatever is changed in a checkpoint, it is none', async t => {
  const note = signCheckpoint(tree, [signer])
  let opened = 0
  for (let place = 0; place < note.length; place++) {
    for (const other of ['A', '0', '\n', ' ']) {
      const changed = `${note.slice(0, place)}${other}${note.slice(place + 1)}`
      const found = changed === note ? null : openCheckpoint(changed, [verifier])
      if (found !== null) opened++
    }
  }
  t.equal(opened, 0)
  for (const end of [1, 10, note.length - 1]) t.equal(openCheckpoint(note.slice(0, end), [verifier]), null)
})

t.test('a wrong signature of a known key counts more than a right one', async t => {
  const newer = checkpointSigner(ORIGIN, randomBytes(32))
  const lines = signCheckpoint(tree, [signer, newer]).split('\n')
  const signature = Buffer.from(lines[6]?.split(' ')[2] ?? '', 'base64')
  signature.writeUInt8(signature.readUInt8(20) ^ 1, 20)
  const note = lines.with(6, `\u2014 ${ORIGIN} ${signature.toString('base64')}`).join('\n')
  t.ok(openCheckpoint(note, [verifier]), 'of a key that is not known it is ignored')
  t.equal(openCheckpoint(note, [verifier, checkpointVerifier(newer)]), null)
})

t.test('a signed text that is no checkpoint of this origin is none', async t => {
  const root = tree.root.toString('base64')
  const texts = {
    'another origin': `other.example.com\n42\n${root}\n`,
    'a size with a zero before it': `${ORIGIN}\n042\n${root}\n`,
    'a negative size': `${ORIGIN}\n-1\n${root}\n`,
    'a root that is too short': `${ORIGIN}\n42\n${root.slice(4)}\n`,
    'a root with another spelling': `${ORIGIN}\n42\n${root.replace('=', '')}\n`,
    'no root': `${ORIGIN}\n42\n`,
    'the place of a verification': `sallyport audit verified 2\n42\n${root}\n17 17\n`
  }
  for (const [what, text] of Object.entries(texts)) {
    t.equal(openCheckpoint(signNote(text, [signer]), [verifier]), null, what)
  }
  t.ok(
    openCheckpoint(signNote(`${ORIGIN}\n42\n${root}\nan extension\n`, [signer]), [verifier]),
    'extensions are allowed'
  )
})
