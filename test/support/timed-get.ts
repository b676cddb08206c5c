import { get, type RequestOptions } from 'node:http'

/** The status of an answer, and the ms from the request to its end. */
export function timedGet(url: string, options: RequestOptions): Promise<{ status: number | undefined; ms: number }> {
  return new Promise((resolve, reject) => {
    const begin = performance.now()
    get(url, options, (response) => {
      const { statusCode: status } = response
      response.resume().once('end', () => resolve({ status, ms: performance.now() - begin }))
    }).once('error', reject)
  })
}
