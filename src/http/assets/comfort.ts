// Comfort only: every page does all of it without this, too.

for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-copy]')) {
  const source = document.getElementById(button.dataset.copy ?? '')
  if (!source || !navigator.clipboard) continue
  const word = button.querySelector('span') ?? button
  const said = word.textContent
  button.hidden = false
  button.addEventListener('click', async () => {
    const text = source instanceof HTMLTextAreaElement ? source.value : (source.textContent ?? '')
    try {
      await navigator.clipboard.writeText(text)
      word.textContent = 'Copied'
    } catch {
      if (source instanceof HTMLTextAreaElement) source.select()
      word.textContent = 'Press Ctrl+C'
    }
    setTimeout(() => {
      word.textContent = said
    }, 2000)
  })
}

for (const form of document.querySelectorAll<HTMLFormElement>('form[data-confirm]')) {
  form.addEventListener('submit', (event) => {
    if (!confirm(form.dataset.confirm)) event.preventDefault()
  })
}

// A double click that began elsewhere must not end here: another window was above this one, and is closed between the two.
const DELIBERATE_MS = 500
for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-deliberate]')) {
  let timer = 0
  const pause = () => {
    button.setAttribute('aria-disabled', 'true')
    clearTimeout(timer)
    timer = setTimeout(() => button.removeAttribute('aria-disabled'), DELIBERATE_MS)
  }
  // Not `disabled`, which would take the focus away. Enter in another field of the form comes here, too.
  button.addEventListener('click', (event) => {
    if (button.ariaDisabled === 'true') event.preventDefault()
  })
  document.addEventListener('visibilitychange', pause)
  for (const event of ['focus', 'pageshow']) addEventListener(event, pause)
  pause()
}

// The server knows no time zone.
for (const time of document.querySelectorAll('time')) {
  const at = new Date(time.dateTime)
  if (!Number.isNaN(at.getTime())) {
    time.title = time.textContent ?? ''
    time.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
  }
}

const POLL_MS = 2000
const waiting = document.querySelector<HTMLElement>('[data-sign-in]')
if (waiting) {
  const { signIn = '', next = '/' } = waiting.dataset
  const poll = async () => {
    let answer: Response
    try {
      answer = await fetch(`/api/sign-in/${signIn}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      })
    } catch {
      setTimeout(poll, POLL_MS)
      return
    }
    if (answer.status === 202) setTimeout(poll, POLL_MS)
    else if (answer.ok) location.replace(next)
    else if (answer.status === 429 || answer.status >= 500) setTimeout(poll, 5 * POLL_MS)
    // It is over; the page says so.
    else location.reload()
  }
  setTimeout(poll, POLL_MS)
}
