// Renews the live part of the page every two seconds while the page is in view. All that
// it shows is made by the server; without scripts the page shows it as of its loading.
'use strict';

const live = document.getElementById('live');
const state = document.getElementById('state');

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch('/live', {signal: AbortSignal.timeout(5000)});
    if (!answer.ok) throw new Error(answer.statusText);
    const part = new DOMParser().parseFromString(await answer.text(), 'text/html');
    live.replaceChildren(...part.body.childNodes);
    state.textContent = 'live';
    state.classList.add('on');
  } catch {
    state.textContent = 'not connected';
    state.classList.remove('on');
  }
}

async function loop() {
  await renew();
  setTimeout(loop, 2000); // after the answer: a slow server is not asked faster
}

document.addEventListener('visibilitychange', renew);
loop();
