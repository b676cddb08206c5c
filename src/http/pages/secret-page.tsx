import { Secret } from './form.js'

export interface SecretPageProps {
  readonly title: string
  readonly label: string
  readonly secret: string
  /** What to do with it. */
  readonly hint: string
  readonly back: string
}

/** A token or a link of hers, shown this once. */
export function SecretPage({ title, label, secret, hint, back }: SecretPageProps) {
  return (
    <>
      <h1>{title}</h1>
      <div class="notice" role="status">
        <p>
          <strong>Copy it now: it is shown this once.</strong> {hint}
        </p>
      </div>
      <Secret id="secret" label={label} value={secret} lines={3} />
      <p>
        <a class="button" href={back}>
          I have it
        </a>
      </p>
    </>
  )
}
