/** `msg_` and 22 characters. */
export function messageId(random: (bytes: number) => Buffer): string {
  return `msg_${random(16).toString('base64url')}`
}
