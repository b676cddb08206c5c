export interface LinkPlace {
  readonly service: string
  readonly domain: string
  readonly connection?: 'component' | 'account'
  /** The account's. */
  readonly jid?: string
}

/** Why the link to the XMPP server is not there, and what mends it. `reason`: as the link says it. */
export function linkAdvice(reason: string, place: LinkPlace): string {
  const { service, domain } = place
  if (place.connection === 'account') return accountAdvice(reason, service, place.jid ?? '')
  if (reason.includes('not-authorized')) {
    // ejabberd says the same of a component that it does not know.
    return `${service} refuses us: xmpp.domain (${domain}) and xmpp.secret must be what the server has for the component`
  }
  if (reason.includes('host-unknown')) {
    return `${service} knows no component ${domain}: add it to the server and restart it, or mend xmpp.domain (or xmpp.service, if that is the port for clients)`
  }
  if (reason.includes('conflict')) {
    return `another process is connected as ${domain}: stop that one. If there is none, the server still believes in a connection that is dead, and will give it up`
  }
  if (reason.includes('ECONNREFUSED')) {
    return `nothing listens at ${service}: start the XMPP server and let it take components there, or mend xmpp.service`
  }
  return (
    networkAdvice(reason, service) ??
    `${service} does not speak as a component port does (${reason}): mend xmpp.service`
  )
}

const NO_ACCOUNT = /not-authorized|account-disabled|credentials-expired|malformed-request/

function accountAdvice(reason: string, service: string, jid: string): string {
  if (NO_ACCOUNT.test(reason)) {
    return `${service} refuses us (${reason}): xmpp.jid (${jid}) and xmpp.password must be an account's there`
  }
  if (reason.includes('host-unknown')) {
    return `${service} is not the server of ${jid}: mend xmpp.jid or xmpp.service`
  }
  if (reason === 'no TLS offered') {
    return `${service} offers no TLS, without which nothing is said but on this machine itself: let the server offer it`
  }
  if (reason.startsWith('TLS')) {
    return `TLS with ${service} fails (${reason}): its certificate must be for the domain of ${jid}, and of an authority that this machine trusts (NODE_EXTRA_CA_CERTS adds one)`
  }
  if (reason.includes('ECONNREFUSED')) {
    return `nothing listens at ${service}: start the XMPP server, or set xmpp.service to where it takes clients`
  }
  return (
    networkAdvice(reason, service) ??
    `${service} does not speak as a port for clients does (${reason}): mend xmpp.service`
  )
}

function networkAdvice(reason: string, service: string): string | null {
  if (/ENOTFOUND|EAI_AGAIN/.test(reason)) return `the host name in ${service} cannot be resolved: mend xmpp.service`
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|while connecting/.test(reason)) {
    return `${service} cannot be reached: mend xmpp.service, or the way there`
  }
  return null
}
