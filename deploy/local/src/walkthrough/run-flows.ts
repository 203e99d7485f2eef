import { readFileSync } from 'node:fs'
import { Agent } from 'undici'
import type { Flow, Stack } from './flow.ts'
import { Transcript } from './transcript.ts'

/** Reads the facts of a running stack. */
export function readStack(localJson: string): Stack {
  return JSON.parse(readFileSync(localJson, 'utf8')) as Stack
}

/**
 * Runs flows one after the other against a running stack.
 * @param write gets each line of the transcript
 * @throws {WalkthroughError} when a check fails, after the transcript up to there
 */
export async function runFlows(stack: Stack, flows: readonly Flow[], write: (line: string) => void): Promise<void> {
  const agent = new Agent({ connect: { ca: readFileSync(stack.caFile, 'utf8') } })
  const transcript = new Transcript(agent, write)
  try {
    for (const flow of flows) {
      transcript.heading(flow.title)
      await flow.run(stack, transcript)
    }
  } finally {
    await agent.close()
  }
}
