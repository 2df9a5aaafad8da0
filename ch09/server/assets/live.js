// Renews the live part of the page every two seconds while the page is in view. All that
// it shows is made by the server; without scripts the page shows it as of its loading.
'use strict';

const live = document.getElementById('live');
const state = document.getElementById('state');

async function renew() {
  if (document.hidden) return;
  try {
    const response = await fetch('/live', {signal: AbortSignal.timeout(5000)});
    if (!response.ok) throw new Error(response.statusText);
    const part = new DOMParser().parseFromString(await response.text(), 'text/html');
    live.replaceChildren(...part.getElementById('live').childNodes);
    state.textContent = 'live';
    state.classList.add('on');
  } catch {
    state.textContent = 'not connected';
    state.classList.remove('on');
  }
}

async function loop() {
  await renew();
  setTimeout(loop, 2000); // after the response: a slow server is not asked faster
}

document.addEventListener('visibilitychange', renew);
loop();
