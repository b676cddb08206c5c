import * as z from 'zod'
import { ControlFault } from '../ops/control-server.js'

/** What was said with a command. Throws ControlFault where it has another shape. */
export function readCommand<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new ControlFault(z.prettifyError(parsed.error))
  return parsed.data
}
