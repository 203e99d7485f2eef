import { once } from 'node:events'
import { connect } from 'node:net'
import { headHook, recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { request } from 'undici'
import { sendRaw, statuses, until } from '../../support/edge.ts'
import { startForwarding } from '../../support/forwarding/forwarding-app.ts'
import { plainAnswer } from '../../support/forwarding/raw-service.ts'

const GET = 'GET /orders/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** A head hook that notes what it is given for a payload. */
function noteHead(seen: unknown[]) {
  return headHook(function noteHeadOnly(
    _request: FastifyRequest,
    _reply: FastifyReply,
    payload: unknown,
    done: () => void
  ) {
    seen.push(payload)
    done()
  })
}

const isStream = (payload: unknown): boolean => typeof payload === 'object' && payload !== null && 'pipe' in payload

t.test('an answer is written past Fastify, unless another plugin has an onSend hook for its payload', async t => {
  const seen: unknown[] = []
  const lean = await startForwarding(t, { before: app => app.addHook('onSend', noteHead(seen)) })
  t.equal(await (await request(`${lean.url}/orders/1`)).body.text(), 'ok')
  t.equal(seen.length, 1)
  t.notOk(seen.some(isStream))

  const foreign = await startForwarding(t, {
    before: app => {
      app.addHook('onSend', async (_request, _reply, payload) => {
        seen.push(payload)
        return 'changed'
      })
    }
  })
  t.equal(await (await request(`${foreign.url}/orders/1`)).body.text(), 'changed')
  t.ok(isStream(seen.at(-1)), 'it gets the payload, as ever')
})

t.test('a hook that another plugin adds to the route is found too', async t => {
  const { url } = await startForwarding(t, {
    before: app => {
      app.addHook('onRoute', options => {
        options.onSend = async () => 'changed'
      })
    }
  })
  t.equal(await (await request(`${url}/orders/1`)).body.text(), 'changed')
})

t.test('head and body leave in one write when both are here, and nobody watches such an answer', async t => {
  let writes = 0
  const { app, url, watched } = await startForwarding(t)
  app.server.on('connection', socket => {
    const write = socket._write.bind(socket)
    socket._write = (...args) => {
      writes++
      write(...args)
    }
    socket._writev = null as never
  })
  t.equal(await (await request(`${url}/orders/1`)).body.text(), 'ok')
  t.equal(writes, 1)
  t.equal(watched.length, 0)
})

t.test('informational answers stay here, and the final head is passed', async t => {
  const { port, service, ends } = await startForwarding(t)
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
    socket.write('HTTP/1.1 102 Processing\r\n\r\n')
    socket.write(plainAnswer('ok'))
  }
  const received = await sendRaw(port, GET)
  t.same(statuses(received), [200])
  t.notMatch(received, /link/i)
  t.same(
    ends.map(({ status }) => status),
    [200]
  )
})

t.test('an answer in a transfer coding that is not undone here is a 502, not a body of other bytes', async t => {
  for (const step of ['lean', 'ordinary'] as const) {
    const { url, service } = await startForwarding(t, { step })
    service.answer = (_request, socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
    }
    const { statusCode, body } = await request(`${url}/orders/1`)
    t.equal(statusCode, 502, step)
    await body.dump()
  }
})

t.test('a service that switches protocols unasked is a 502', async t => {
  const { url, service } = await startForwarding(t)
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello')
  }
  const { statusCode, body } = await request(`${url}/orders/1`)
  t.equal(statusCode, 502)
  t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_FAILED' })
})

t.test('what plugins have put on the reply leaves with the answer; what the service says wins over it', async t => {
  const { url, service } = await startForwarding(t, {
    before: app => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store').header('x-policy', 'ours').header('set-cookie', ['a=1', 'b=2'])
        reply.raw.setHeader('x-raw', 'ours')
      })
    }
  })
  service.answer = (_request, socket) => {
    socket.write(plainAnswer('ok', ['cache-control: max-age=60', 'x-raw: theirs', 'set-cookie: c=3']))
  }
  const { headers } = await request(`${url}/orders/1`)
  t.match(headers, {
    'cache-control': 'max-age=60',
    'x-policy': 'ours',
    'x-raw': 'theirs',
    'set-cookie': ['a=1', 'b=2']
  })
  t.equal(typeof headers['x-request-id'], 'string')
})

t.test('an error in place of an answer whose head is here already has nothing of that head', async t => {
  for (const step of ['lean', 'ordinary'] as const) {
    const { url, service } = await startForwarding(t, {
      step,
      route: { cacheControl: 'public, max-age=60', responseHeaders: { set: { 'x-route': 'set' } } },
      before: app => {
        app.addHook('onRequest', async (_request, reply) => {
          reply.header('x-policy', 'ours').header('set-cookie', 'a=1')
        })
      }
    })
    service.answer = (_request, socket) => {
      const fields = ['cache-control: public, max-age=3600', 'expires: Thu, 01 Jan 2099 00:00:00 GMT', 'location: /x']
      socket.end(`HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\netag: "1"\r\ncontent-length: 10\r\n\r\n`)
    }
    const { statusCode, headers } = await request(`${url}/orders/1`)
    t.equal(statusCode, 502, step)
    t.match(headers, { 'cache-control': 'no-store', 'x-policy': 'ours', 'set-cookie': 'a=1' }, step)
    for (const name of ['expires', 'location', 'etag', 'x-route']) t.notOk(name in headers, `${step}: ${name}`)
  }
})

t.test('a head hook has the last word on the head, and the head waits for it', async t => {
  let release = (): void => {}
  const { url, port, service } = await startForwarding(t, {
    before: app => {
      app.addHook(
        'onSend',
        headHook(async (incoming: FastifyRequest, reply: FastifyReply) => {
          if (incoming.is404) return
          await new Promise<void>(resolve => {
            release = resolve
          })
          reply.header('cache-control', 'no-store')
        })
      )
    }
  })
  for (const method of ['GET', 'HEAD'] as const) {
    service.answer = (_request, socket) => {
      socket.write(plainAnswer(method === 'GET' ? 'ok' : '', ['cache-control: max-age=60']))
    }
    let isHere = false
    const answer = request(`${url}/orders/1`, { method }).then(response => {
      isHere = true
      return response
    })
    await until(() => service.received.length > 0)
    await sendRaw(port, 'GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    t.notOk(isHere, method)
    release()
    const { headers, body } = await answer
    t.equal(headers['cache-control'], 'no-store')
    t.equal(await body.text(), method === 'GET' ? 'ok' : '')
    service.received.length = 0
    release = () => {}
  }
})

t.test('a head hook that fails is answered as an error, and the service is let go', async t => {
  const failures: Record<string, () => Promise<unknown>> = {
    throws: async () => {
      throw Object.assign(new Error('no trail'), { statusCode: 503, code: 'NO_TRAIL' })
    },
    'replaces the payload': async () => 'changed'
  }
  for (const [title, hook] of Object.entries(failures)) {
    let isFirst = true
    const { url, service, ends } = await startForwarding(t, {
      before: app => {
        app.addHook(
          'onSend',
          headHook(async () => {
            if (!isFirst) return undefined
            isFirst = false
            return await hook()
          })
        )
      }
    })
    service.answer = (_request, socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nx-of: service\r\n\r\nsecret')
    }
    const { statusCode, body } = await request(`${url}/orders/1`)
    t.equal(statusCode, title === 'throws' ? 503 : 500, title)
    t.notMatch(await body.text(), /secret/)
    await until(() => service.sockets.size === 0 && ends.length === 1)
  }
})

t.test('a head hook that answers itself ends the exchange', async t => {
  const { url, service, agent, ends } = await startForwarding(t, {
    before: app => {
      app.addHook(
        'onSend',
        headHook((_request: FastifyRequest, reply: FastifyReply, payload: { destroy?: () => void }) => {
          payload.destroy?.()
          reply.raw.writeHead(503, { 'content-length': '2' })
          reply.raw.end('no')
        })
      )
    }
  })
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nsecret')
  }
  const { statusCode, body } = await request(`${url}/orders/1`)
  t.equal(statusCode, 503)
  t.equal(await body.text(), 'no')
  await until(() => ends.length === 1 && agent.counts()[service.origin]?.running === 0)
})

t.test('onResponse runs once for each request, with the status that was sent', async t => {
  const { port, service, ends } = await startForwarding(t)
  const answers: Readonly<Record<string, readonly [bytes: string, status: number]>> = {
    plain: [plainAnswer('ok'), 200],
    chunked: ['HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 201],
    empty: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 200],
    'no content': ['HTTP/1.1 204 No Content\r\ncontent-type: text/plain\r\n\r\n', 204],
    'not modified': ['HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n', 304],
    missing: ['HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', 404],
    refused: ['HTTP/1.1 401 Unauthorized\r\ncontent-length: 6\r\n\r\nsecret', 503],
    unknown: ['HTTP/1.1 799 Whatever\r\ncontent-length: 6\r\n\r\nsecret', 502],
    broken: ['HTTP/1.1 2x0 OK\r\n\r\n', 502]
  }
  for (const [title, [bytes, status]] of Object.entries(answers)) {
    service.answer = (_request, socket) => {
      socket.write(bytes)
    }
    const received = await sendRaw(port, GET)
    t.same(statuses(received), [status], title)
    t.notMatch(received, /secret/, title)
    await until(() => ends.length > 0)
    t.same(
      ends.splice(0).map(end => end.status),
      [status],
      title
    )
  }
})

t.test('an answer without a body has none: HEAD, 204 and 304, whatever their heads say', async t => {
  const { port, service } = await startForwarding(t)
  service.answer = ({ method, url }, socket) => {
    const heads: Readonly<Record<string, string>> = {
      '/orders/204': 'HTTP/1.1 204 No Content\r\ncontent-type: text/plain\r\n\r\n',
      '/orders/304': 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: "1"\r\n\r\n'
    }
    socket.write(heads[url] ?? `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n${method === 'HEAD' ? '' : 'hello'}`)
  }
  const end = 'GET /orders/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const ask = async (line: string): Promise<string> => await sendRaw(port, `${line} HTTP/1.1\r\nHost: a\r\n\r\n${end}`)
  const head = await ask('HEAD /orders/1')
  t.same(statuses(head), [200, 200])
  t.match(head, /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*content-length: 5\r\n(?:[^\r]+\r\n)*\r\nHTTP/)
  const none = await ask('GET /orders/204')
  t.same(statuses(none), [204, 200])
  t.notMatch(none.slice(0, none.indexOf('\r\n\r\n')), /content-(?:type|length)|transfer-encoding/i)
  const same = await ask('GET /orders/304')
  t.same(statuses(same), [304, 200])
  t.match(same, /etag: "1"/)
})

t.test('trailers are dropped', async t => {
  const { port, service } = await startForwarding(t)
  service.answer = (_request, socket) => {
    socket.write(
      'HTTP/1.1 200 OK\r\ntrailer: x-end\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-end: planted\r\n\r\n'
    )
  }
  const received = await sendRaw(port, GET)
  t.same(statuses(received), [200])
  t.notMatch(received, /planted|x-end/)
  t.match(received, /\r\n0\r\n\r\n$/)
})

t.test('an answer that is cut is cut for the client: it never looks complete', async t => {
  const cuts: Readonly<Record<string, string>> = {
    'too short for its length': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello',
    'without a last chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
    'with a broken chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n'
  }
  for (const [title, bytes] of Object.entries(cuts)) {
    const { url, service, ends } = await startForwarding(t)
    let client: { end: () => void } | null = null
    service.answer = (_request, socket) => {
      socket.write(bytes)
      client = socket
    }
    const { statusCode, body } = await request(`${url}/orders/1`)
    // Either an error with a name, or a body that breaks off.
    if (statusCode === 200) {
      const rest = t.rejects(body.text(), title)
      await until(() => client !== null)
      client!.end()
      await rest
    } else t.equal(statusCode, 502, title)
    await until(() => ends.length === 1)
    t.same(
      ends[0]?.events.map(({ reason }) => reason),
      ['upstream-failed'],
      title
    )
  }
})

t.test('a client that leaves is seen, ended upstream and counted: before the head as 499, later as it was', async t => {
  const { port, service, agent, ends } = await startForwarding(t)
  service.answer = () => {}
  const early = connect(port, '127.0.0.1')
  early.write(GET)
  await until(() => service.received.length === 1)
  early.destroy()
  await until(() => ends.length === 1)
  t.equal(ends[0]?.status, 499)
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello')
  }
  const late = connect(port, '127.0.0.1')
  late.write(GET)
  await once(late, 'data')
  late.destroy()
  await until(() => ends.length === 2)
  t.equal(ends[1]?.status, 200)
  t.same(
    ends.flatMap(({ events }) => events),
    []
  )
  await until(() => agent.counts()[service.origin]?.running === 0 && service.sockets.size === 0)
})

t.test('a client that leaves while its token is exchanged sends nothing to the service', async t => {
  let exchange: (token: string) => void = () => {}
  const { port, service, ends } = await startForwarding(t, {
    exchangeToken: async () =>
      await new Promise<string>(resolve => {
        exchange = resolve
      })
  })
  const client = connect(port, '127.0.0.1')
  const head = ['POST /orders HTTP/1.1', 'Host: a', 'Content-Type: text/plain', 'Content-Length: 100', '', 'half']
  client.write(head.join('\r\n'))
  await until(() => exchange.length === 1)
  client.destroy()
  await until(() => ends.length === 1)
  t.equal(ends[0]?.status, 499)
  exchange('token')
  await sendRaw(port, 'GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.equal(service.sockets.size, 0)
})

t.test('the time of the token exchange counts, and its failure is answered as it is', async t => {
  const hanging = await startForwarding(t, {
    exchangeToken: () => new Promise(() => {}),
    defaults: { timeouts: { headMs: 50 } }
  })
  t.equal((await request(`${hanging.url}/orders/1`)).statusCode, 504)
  const failing = await startForwarding(t, {
    exchangeToken: async () => {
      throw Object.assign(new Error('later'), { statusCode: 503, code: 'TOKEN_LATER', headers: { 'retry-after': '7' } })
    }
  })
  const { statusCode, headers } = await request(`${failing.url}/orders/1`)
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '7')
  t.equal(failing.service.received.length, 0)
})

t.test(
  'the head of a stream leaves at once; elsewhere it waits for the first byte, and is a 504 without it',
  async t => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
    const stream = await startForwarding(t, { route: { stream: true } })
    stream.service.answer = (_request, socket) => {
      socket.write(head)
    }
    const { statusCode, body } = await request(`${stream.url}/orders/1`)
    t.equal(statusCode, 200)
    t.equal(stream.watched.length, 1)
    body.on('error', () => {}).destroy()

    const whole = await startForwarding(t, { defaults: { timeouts: { totalMs: 100 } } })
    whole.service.answer = (_request, socket) => {
      socket.write(head)
    }
    const late = await request(`${whole.url}/orders/1`)
    t.equal(late.statusCode, 504)
    t.match(late.headers['content-type'], 'application/problem+json')
    t.equal(whole.watched.length, 1, 'its access is watched while it waits')
  }
)

t.test('an answer under way ends with its access, and says so in the trail', async t => {
  const { url, service, watched, audited, ends } = await startForwarding(t)
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello')
  }
  const { body } = await request(`${url}/orders/1`)
  watched[0]?.end('access-revoked')
  await t.rejects(body.text())
  await until(() => ends.length === 1 && service.sockets.size === 0)
  t.same(
    ends[0]?.events.map(({ outcome, reason }) => `${outcome} ${reason}`),
    ['denied access-revoked']
  )
  t.match(audited, [{ action: 'answer.end', reason: 'access-revoked' }])
})

t.test('a client that does not read holds its service up, and gets everything in the end', async t => {
  const part = Buffer.alloc(64 * 1024, 'x')
  const parts = 400
  const { port, service } = await startForwarding(t)
  let sent = 0
  service.answer = (_request, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${part.length * parts}\r\n\r\n`)
    const send = (): void => {
      while (sent < parts) {
        sent++
        if (!socket.write(part)) {
          socket.once('drain', send)
          return
        }
      }
    }
    send()
  }
  const client = connect(port, '127.0.0.1')
  client.pause()
  client.write(GET)
  let before = -1
  // Until the buffers in between are full.
  while (before !== sent) {
    before = sent
    await new Promise(resolve => {
      setTimeout(resolve, 100)
    })
  }
  t.ok(sent > 0 && sent < parts, `${sent} of ${parts} parts`)
  let received = 0
  client.on('data', chunk => {
    received += chunk.length
  })
  client.resume()
  await once(client, 'close')
  t.ok(received > part.length * parts)
})

t.test('an answer that comes before the body was sent is passed, and ends when the client has sent it', async t => {
  const { port, service, ends } = await startForwarding(t)
  service.onHead = (_request, socket) => {
    socket.end('HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge')
  }
  service.answer = () => {}
  const client = connect(port, '127.0.0.1')
  let received = ''
  client.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  client.write('PUT /orders HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n01234')
  await until(() => received.endsWith('large'))
  t.match(received, /connection: close/i)
  t.equal(ends.length, 0, 'the connection is kept')
  client.write('56789')
  await once(client, 'close')
  await until(() => ends.length === 1)
  t.equal(ends[0]?.status, 413)
})

t.test('events that are reported before the head are there for its hooks', async t => {
  const seen: string[] = []
  const { url, service } = await startForwarding(t, {
    before: app => {
      app.addHook('preHandler', async incoming => {
        recordSecurityEvent(incoming, { stage: 'authorization', outcome: 'failure', reason: 'planted' })
      })
      app.addHook(
        'onSend',
        headHook(async (incoming: FastifyRequest, reply: FastifyReply) => {
          seen.push(...incoming.securityEvents.map(({ reason }) => `${reply.statusCode} ${reason}`))
        })
      )
    }
  })
  service.answer = (_request, socket) => {
    socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
  }
  t.equal((await request(`${url}/orders/1`)).statusCode, 403)
  t.same(seen, ['403 planted'])
})
