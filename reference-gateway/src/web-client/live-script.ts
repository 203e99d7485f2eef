/**
 * The one script of the web client: it shows each state of an order as it comes. Without it the page loads itself
 * again.
 */
export const LIVE_SCRIPT = `const state = document.getElementById('state')
const events = new EventSource(state.dataset.events)
events.addEventListener('state', event => {
  const { text, isFinal } = JSON.parse(event.data)
  if (state.textContent !== text) state.textContent = text
  document.body.dataset.live = 'yes'
  if (isFinal) {
    events.close()
    for (const form of document.querySelectorAll('form[data-until-final]')) form.remove()
  }
})
// The server refuses to go on: the session has ended, and the login is where this page leads then.
events.onerror = () => {
  if (events.readyState === EventSource.CLOSED) location.reload()
}
`
