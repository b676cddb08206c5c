/** A call ended by us; the message says why, for an admin or whoever named the URL. */
export class GivenUp extends Error {}
