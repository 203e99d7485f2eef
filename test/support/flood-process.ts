// CONNECTIONS callers that ask as fast as they are answered, three reads to one write, until told to stop; then says
// what they were answered.
import { Agent, request } from 'undici'

const { URL_TO_FLOOD = '', CONNECTIONS = '500', TOKEN = '' } = process.env
const connections = Number(CONNECTIONS)
const dispatcher = new Agent({ connections, pipelining: 1 })
const headers = { authorization: `Bearer ${TOKEN}` }
const answers: Record<string, number> = {}
const state = { isOver: false }
let untold = 0

async function call(number: number): Promise<void> {
  const method = number % 4 === 0 ? 'POST' : 'GET'
  while (!state.isOver) {
    const answered = await request(`${URL_TO_FLOOD}/orders`, { method, headers, dispatcher }).then(
      async ({ statusCode, headers: { 'retry-after': retryAfter }, body }) => {
        await body.dump()
        if (statusCode === 503 && retryAfter === undefined) untold++
        return `${method} ${statusCode}`
      },
      (error: Error) => error.message
    )
    answers[answered] = (answers[answered] ?? 0) + 1
  }
}

process.once('message', () => {
  state.isOver = true
})
const calls = Array.from({ length: connections }, async (_, number) => await call(number))
process.send?.({ type: 'ready' })
await Promise.all(calls)
process.send?.({ type: 'answers', answers, untold })
process.disconnect()
await dispatcher.destroy()
