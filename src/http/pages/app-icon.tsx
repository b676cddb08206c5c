export interface AppIconProps {
  readonly appid: string
  readonly name: string
  readonly hasIcon: boolean
  readonly small?: boolean
}

/** Its own, else the first letter of its name. */
export function AppIcon({ appid, name, hasIcon, small = false }: AppIconProps) {
  const look = small ? 'icon small' : 'icon'
  const size = small ? 44 : 64
  if (hasIcon) return <img class={look} src={`/${appid}/icon`} alt="" width={size} height={size} />
  const [first = '?'] = [...new Intl.Segmenter('en').segment(name)].map(({ segment }) => segment)
  return (
    <span class={look} aria-hidden="true">
      {first.toUpperCase()}
    </span>
  )
}
