import type { ComponentChildren, JSX } from 'preact'

/** By field name, what is wrong with it and what to do. */
export type FieldErrors = Readonly<Record<string, string>>

export interface FormProps {
  readonly action: string
  /** null: before there is a session. */
  readonly csrf: string | null
  /** Asked before it is sent. */
  readonly confirm?: string
  readonly children: ComponentChildren
}

export function Form({ action, csrf, confirm, children }: FormProps) {
  return (
    <form method="post" action={action} {...(confirm !== undefined && { 'data-confirm': confirm })}>
      {csrf !== null && <input type="hidden" name="csrf" value={csrf} />}
      {children}
    </form>
  )
}

export interface FieldProps {
  readonly name: string
  readonly label: string
  readonly value?: string | undefined
  readonly hint?: ComponentChildren
  readonly errors: FieldErrors
  /** Where two fields of a page have one name. */
  readonly id?: string
  readonly lines?: number
  /** Characters, where it has lines. */
  readonly most?: number
  readonly input?: JSX.IntrinsicElements['input']
}

export function Field({ name, label, value = '', hint, errors, id = name, lines, most, input }: FieldProps) {
  const error = errors[id]
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  const attributes = {
    id,
    name,
    ...(described && { 'aria-describedby': described }),
    ...(error !== undefined && { 'aria-invalid': true as const }),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {lines === undefined ? (
        <input type="text" autocomplete="off" {...input} {...attributes} value={value} />
      ) : (
        <textarea rows={lines} {...(most !== undefined && { maxLength: most })} {...attributes} value={value} />
      )}
    </div>
  )
}

/** Gets the focus, so that whoever cannot see the page hears first that it did not go well. */
export function ErrorSummary({ errors }: { errors: FieldErrors }) {
  const all = Object.entries(errors)
  if (all.length === 0) return null
  return (
    <div class="summary" role="alert" tabIndex={-1} autofocus>
      <h2>That did not work</h2>
      <ul>
        {all.map(([id, text]) => (
          <li key={id}>
            <a href={`#${id}`}>{text}</a>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What was done, and the id of the section that it is about; '': of the whole page. */
export interface Done {
  readonly at: string
  readonly text: string
}

/** Stands where `doneAt` leads, so that it is seen there, and has the focus. */
export function Notice({ of, at = '' }: { of: Done | null; at?: string }) {
  if (of === null || of.at !== at) return null
  return (
    <div class="notice" role="status" id="done" tabIndex={-1}>
      <p>{of.text}</p>
    </div>
  )
}

export interface SecretProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly lines: number
}

/** Something to copy as it is. */
export function Secret({ id, label, value, lines }: SecretProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea class="secret" id={id} rows={lines} readOnly spellcheck={false} autocomplete="off" value={value} />
      <div class="actions">
        <CopyButton of={id} what={label} />
      </div>
    </div>
  )
}

/** Appears where there is a script for it. */
export function CopyButton({ of, what }: { of: string; what: string }) {
  return (
    <button type="button" class="quiet copy" data-copy={of} hidden>
      <span aria-live="polite">Copy</span>
      <span class="hidden-text"> {what}</span>
    </button>
  )
}
