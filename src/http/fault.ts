/** An error that a client is told: `{"result":"KO","errno":N,"error":"…"}`. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault'
  readonly status: number
  readonly errno: number

  constructor(status: number, errno: number, message: string) {
    super(message)
    this.status = status
    this.errno = errno
  }
}

export function faultBody(errno: number, error: string): { result: 'KO'; errno: number; error: string } {
  return { result: 'KO', errno, error }
}
