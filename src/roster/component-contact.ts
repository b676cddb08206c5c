import type { Contact } from './contact.js'

/** The component, as users find it among their contacts. */
export const COMPONENT_CONTACT = { name: 'Presence', groups: [] } as const satisfies Contact
