const NONE: readonly XmlElement[] = []

/** An element as it was read: bounded in bytes and depth by whoever read it, never serialised again. */
export class XmlElement {
  readonly name: string
  /** Its namespace, resolved; the stream's own default is ''. */
  readonly ns: string
  readonly attrs: Readonly<Record<string, string>>
  readonly parent: XmlElement | null
  /** What its children are in that declare nothing. */
  readonly defaultNs: string
  text = ''
  // Most have none: five arrays a presence are a tenth of what a stream leaves to the collector.
  #children: XmlElement[] | null = null

  constructor(
    name: string,
    ns: string,
    attrs: Readonly<Record<string, string>>,
    parent: XmlElement | null,
    defaultNs: string,
  ) {
    this.name = name
    this.ns = ns
    this.attrs = attrs
    this.parent = parent
    this.defaultNs = defaultNs
    if (!parent) return
    if (parent.#children) parent.#children.push(this)
    else parent.#children = [this]
  }

  get children(): readonly XmlElement[] {
    return this.#children ?? NONE
  }

  /** The first child of that name, in this element's own namespace unless another is given. */
  child(name: string, ns: string = this.ns): XmlElement | undefined {
    for (const child of this.children) if (child.name === name && child.ns === ns) return child
    return undefined
  }
}
