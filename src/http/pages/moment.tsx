/** A point in time (ms since 1970), in UTC until the browser's script puts it into her own zone. */
export function Moment({ at }: { at: number }) {
  const iso = new Date(at).toISOString()
  return <time dateTime={iso}>{`${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`}</time>
}
