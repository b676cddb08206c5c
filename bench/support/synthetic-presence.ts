const SHOWS = ['', '<show>away</show>', '<show>xa</show>', '<show>dnd</show>', '<show>chat</show>']
// Coprime with every power of ten: users come in no order, and in another one each turn.
const STRIDES = [7919, 104_729, 1_299_709, 611_953, 350_377]

export const SYNTHETIC_DOMAIN = 'localhost'

/** The n-th of an endless row of presences of so many users, as Prosody forwards them; each changes its user's show and text. */
export function syntheticPresence(n: number, users: number, device = 'phone'): string {
  const turn = Math.floor(n / users)
  const user = (n * (STRIDES[turn % STRIDES.length] ?? 1)) % users
  return (
    `<presence from='user${user}@${SYNTHETIC_DOMAIN}/${device}.${user.toString(36)}' to='presence.localhost' xml:lang='en'>` +
    `${SHOWS[(user + turn) % SHOWS.length]}<status>In a meeting until ${n}</status><priority>5</priority>` +
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://gajim.org' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>" +
    '</presence>'
  )
}
