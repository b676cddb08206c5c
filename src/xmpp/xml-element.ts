/** An element as it was read: bounded in bytes and depth by whoever read it, never serialised again. */
export class XmlElement {
  readonly name: string
  /** Its namespace, resolved; the stream's own default is ''. */
  readonly ns: string
  readonly attrs: Readonly<Record<string, string>>
  readonly parent: XmlElement | null
  readonly children: XmlElement[] = []
  text = ''

  constructor(name: string, ns: string, attrs: Readonly<Record<string, string>>, parent: XmlElement | null) {
    this.name = name
    this.ns = ns
    this.attrs = attrs
    this.parent = parent
  }

  /** The first child of that name, in this element's own namespace unless another is given. */
  child(name: string, ns: string = this.ns): XmlElement | undefined {
    for (const child of this.children) if (child.name === name && child.ns === ns) return child
    return undefined
  }
}
