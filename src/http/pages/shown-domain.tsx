import { domainToUnicode } from 'node:url'
import { shownText } from './shown-name.js'

/** A-labels, which nothing else looks like, and in brackets what they stand for. */
export function ShownDomain({ domain }: { domain: string }) {
  const written = shownText(domainToUnicode(domain))
  if (written === '' || written === domain) return domain
  return (
    <>
      {domain} (<bdi>{written}</bdi>)
    </>
  )
}
