// restaurant-service for a benchmark, in a process of its own: what it costs is nobody's. Tells its origin, and ends
// with its parent.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'

const [restaurant] = DEMO_RESTAURANTS
const MENU = JSON.stringify({ restaurantId: restaurant.restaurantId, items: restaurant.items })
const TICKET = JSON.stringify({ ticketId: '30000000-0000-4000-8000-000000000001' })

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
    response.end(request.method === 'POST' ? TICKET : MENU)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.send?.({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.on('disconnect', () => process.exit())
