export interface LinkPlace {
  readonly service: string
  readonly domain: string
}

/** Why the link to the XMPP server is not there, and what mends it. `reason`: as the link says it. */
export function linkAdvice(reason: string, { service, domain }: LinkPlace): string {
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
  if (/ENOTFOUND|EAI_AGAIN/.test(reason)) return `the host name in ${service} cannot be resolved: mend xmpp.service`
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|while connecting/.test(reason)) {
    return `${service} cannot be reached: mend xmpp.service, or the way there`
  }
  return `${service} does not speak as a component port does (${reason}): mend xmpp.service`
}
