import type { Dispatcher } from 'undici'
import { GivenUp } from './given-up.js'

/** Rejects, and with it ends the connection, where the body is not as it was asked for. */
export async function boundedBody(
  { body, headers }: Pick<Dispatcher.ResponseData, 'body' | 'headers'>,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw new GivenUp('it sends compressed what it was not asked to')
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new GivenUp(`its answer is longer than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    // It ends with an error of its own then, which is the same one.
    body.on('error', () => {}).destroy()
    throw error
  }
  return Buffer.concat(chunks)
}
