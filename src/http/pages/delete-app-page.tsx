import type { App } from '../../apps/app.js'
import { Form } from './form.js'
import { shownName } from './shown-name.js'

export function DeleteAppPage({ csrf, app }: { csrf: string; app: App }) {
  const path = `/myapps/${app.appid}`
  return (
    <>
      <h1>
        Delete <bdi>{shownName(app.name, app.domain)}</bdi>?
      </h1>
      <p>This is done at once, for all its members, and cannot be undone:</p>
      <ul>
        <li>Its key stops working, and so does its link to the page where users let it see them.</li>
        <li>What users have let it see is forgotten, and so is by which names it knew them.</li>
        <li>Who registers {app.domain} again gets another appid, and has to ask them again.</li>
      </ul>
      <Form action={`${path}/delete`} csrf={csrf}>
        <div class="actions">
          <button type="submit" class="danger">
            Delete this app
          </button>
          <a href={path}>No, keep it</a>
        </div>
      </Form>
    </>
  )
}
