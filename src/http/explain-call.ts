import { GivenUp } from './given-up.js'

const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refuses the connection',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'it cannot be reached',
  ENETUNREACH: 'it cannot be reached',
  ETIMEDOUT: 'it cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'it cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: 'it answers with endless headers',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer is not as long as it said',
}

/** Why a call failed, for an admin or whoever named the URL; nothing of the URL is in it. */
export function explainCall(error: unknown): string {
  const { code, message } = error as Error & { code?: string }
  if (error instanceof GivenUp) return message
  if ((error as Error).name === 'HTTPParserError') return 'it does not speak HTTP'
  if (code === undefined) return `it cannot be called (${(error as Error).name})`
  if (wasClosed(error)) return 'it closed the connection before its answer was whole'
  if (code.includes('CERT') || code.includes('SIGNATURE')) return `its certificate is not accepted (${code})`
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return `it does not speak TLS (${code})`
  return REASONS[code] ?? `it cannot be called (${code})`
}

export function wasClosed(error: unknown): boolean {
  return CLOSED.has((error as { code?: string }).code ?? '')
}
