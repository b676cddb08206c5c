import { createHash } from 'node:crypto'
import { type Element, xml } from '@xmpp/component'
import { COMPONENT_CONTACT } from '../roster/component-contact.js'
import { COMPONENT_PHOTO } from './component-photo.js'
import { NS } from './stanzas.js'

const DESCRIPTION = 'Shows your presence on the web, as far as you and your server allow it.'
const LINE = 76

/** How the component looks among her contacts. */
export class ComponentCard {
  readonly #url: string
  readonly #photo = Buffer.from(COMPONENT_PHOTO, 'base64')
  readonly #hash = createHash('sha1').update(this.#photo).digest('hex')

  /** `url`: where to read more about it. */
  constructor(url: string) {
    this.#url = url
  }

  /** XEP-0054 */
  vcard(): Element {
    const fields = { FN: COMPONENT_CONTACT.name, NICKNAME: COMPONENT_CONTACT.name, URL: this.#url, DESC: DESCRIPTION }
    // RFC 2045 §6.8: lines of at most 76 characters.
    const photo = this.#photo.toString('base64').replace(new RegExp(`.{${LINE}}`, 'g'), '$&\n')
    return xml(
      'vCard',
      { xmlns: NS.vcard },
      ...Object.entries(fields).map(([name, text]) => xml(name, {}, text)),
      xml('PHOTO', {}, xml('TYPE', {}, 'image/png'), xml('BINVAL', {}, photo)),
    )
  }

  /** XEP-0153: goes with each presence, so that clients know whether they have the photo. */
  photoUpdate(): Element {
    return xml('x', { xmlns: NS.vcardUpdate }, xml('photo', {}, this.#hash))
  }
}
