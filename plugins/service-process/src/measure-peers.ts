import type { LabelledValue, Measurement } from '@sallyport/security-context'

/** An agent that counts its calls by the origin of the peer. */
export interface CountingAgent {
  readonly counts: () => Readonly<Record<string, { readonly running: number; readonly waiting: number }>>
}

/** What operators watch of calls of other processes. Peers are few and come from settings, so each has a label. */
export function peerMeasurements(agents: () => readonly CountingAgent[]): Measurement[] {
  const valuesOf = (part: 'running' | 'waiting') => (): LabelledValue[] => {
    const byPeer = new Map<string, number>()
    for (const agent of agents()) {
      for (const [peer, counted] of Object.entries(agent.counts())) {
        byPeer.set(peer, (byPeer.get(peer) ?? 0) + counted[part])
      }
    }
    return [...byPeer].map(([peer, value]) => ({ labels: { peer }, value }))
  }
  return [
    {
      name: 'sallyport_peer_requests_running',
      help: 'Calls of other processes that have a connection',
      kind: 'gauge',
      labels: ['peer'],
      read: valuesOf('running')
    },
    {
      name: 'sallyport_peer_requests_waiting',
      help: 'Calls of other processes that wait for a connection',
      kind: 'gauge',
      labels: ['peer'],
      read: valuesOf('waiting')
    }
  ]
}
