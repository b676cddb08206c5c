import { ErrorSummary, Field, type FieldErrors, Form } from './form.js'

export interface DeletePageProps {
  readonly csrf: string
  readonly user: string
  readonly errors: FieldErrors
}

export function DeletePage({ csrf, user, errors }: DeletePageProps) {
  return (
    <>
      <ErrorSummary errors={errors} />
      <h1>Delete everything about you</h1>
      <p>This is done at once, and cannot be undone:</p>
      <ul>
        <li>
          Your presence is forgotten, and not listened to any more. Whoever asks hears that there is no such user.
        </li>
        <li>Every app that you let in loses sight of you.</li>
        <li>You are signed out everywhere; your tokens and your public link stop working.</li>
        <li>You leave the apps that you look after; those with no other member are deleted.</li>
      </ul>
      <p>
        What stays is one number that cannot be turned back into your address. By it we know to leave you alone, until
        you sign in again. Your XMPP account itself is not touched.
      </p>
      <Form action="/account/delete" csrf={csrf}>
        <Field
          name="jid"
          label={`Type your address, ${user}, if you are sure`}
          errors={errors}
          input={{ autocapitalize: 'none', spellcheck: false, required: true, maxLength: 3071 }}
        />
        <div class="actions">
          <button type="submit" class="danger">
            Delete everything
          </button>
          <a href="/account">No, keep it</a>
        </div>
      </Form>
    </>
  )
}

export function DeletedPage() {
  return (
    <>
      <h1>It is all gone</h1>
      <p>Nothing is kept about you here any more, and nothing will be until you sign in again.</p>
      <p>
        <a href="/">To the front page</a>
      </p>
    </>
  )
}
