import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { faultProxy } from '@sallyport/testing'
import t, { type Test } from 'tap'

/** A server that answers with what it got. */
async function echoServer(t: Test, greeting = ''): Promise<string> {
  const server = createServer(socket => {
    if (greeting !== '') socket.write(greeting)
    socket.on('error', () => {}).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(t: Test, url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

async function closed(socket: Socket): Promise<void> {
  await new Promise(resolve => socket.on('close', resolve))
}

async function next(socket: Socket): Promise<string> {
  const [data] = (await once(socket, 'data')) as [Buffer]
  return data.toString()
}

t.test('answers are held until another mode is set, and none is lost', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  const socket = open(t, proxy.url)
  socket.write('one')
  t.equal(await next(socket), 'one')
  proxy.set('hold')
  socket.write('two')
  while (proxy.strikes() === 0) await new Promise(setImmediate)
  t.equal(socket.bytesRead, 3, 'nothing has come')
  proxy.set('pass')
  t.equal(await next(socket), 'two')
})

t.test('dripping answers arrive whole and in order', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  proxy.set('drip')
  const socket = open(t, proxy.url)
  const text = 'one byte after the other'
  socket.write(text)
  let got = ''
  while (got.length < text.length) got += await next(socket)
  t.equal(got, text)
  t.ok(proxy.strikes() > 0)
})

t.test('a reset is an error of the connection, also of one that was open', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  const socket = open(t, proxy.url)
  socket.write('one')
  await next(socket)
  const broken = new Promise<string>(resolve => {
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? '')
    })
  })
  proxy.set('reset')
  t.equal(await broken, 'ECONNRESET')
  t.equal(await closed(open(t, proxy.url)), undefined)
})

t.test('stopped, it cuts what is open and takes nothing', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  const socket = open(t, proxy.url)
  socket.write('one')
  await next(socket)
  const cut = closed(socket)
  proxy.set('stopped')
  await cut
  t.equal(await closed(open(t, proxy.url)), undefined)
})

t.test('silent, it answers nothing', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  proxy.set('silent')
  const socket = open(t, proxy.url)
  socket.write('one')
  while (proxy.strikes() === 0) await new Promise(setImmediate)
  t.equal(socket.bytesRead, 0)
})

t.test('the marked COMMIT is cut before it or after it, and only once', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  for (const mode of ['cut-before-commit', 'cut-after-commit'] as const) {
    const before = proxy.strikes()
    proxy.set(mode, 'insert into orders')
    const other = open(t, proxy.url)
    other.write('COMMIT of another')
    t.equal(await next(other), 'COMMIT of another')
    const socket = open(t, proxy.url)
    socket.write('insert into orders')
    await next(socket)
    socket.write('COMMIT')
    await once(socket, 'close')
    t.equal(proxy.strikes(), before + 1)
    const again = open(t, proxy.url)
    again.write('insert into orders; COMMIT')
    t.match(await next(again), /COMMIT/)
  }
})

t.test('a statement that commits by itself is cut where its text is taken for the COMMIT', async t => {
  const proxy = await faultProxy(t, await echoServer(t))
  proxy.set('cut-before-commit', '', 'a statement by itself')
  const socket = open(t, proxy.url)
  socket.write('BEGIN; COMMIT')
  t.match(await next(socket), /COMMIT/)
  socket.write('a statement by itself')
  await once(socket, 'close')
  t.equal(proxy.strikes(), 1)
})

t.test('pointed elsewhere, it leads new connections there, and open ones stay', async t => {
  const proxy = await faultProxy(t, await echoServer(t, 'old'))
  const socket = open(t, proxy.url)
  t.equal(await next(socket), 'old')
  proxy.pointTo(await echoServer(t, 'new'))
  t.equal(await next(open(t, proxy.url)), 'new')
  socket.write('one')
  t.equal(await next(socket), 'one')
})
