// What a page gains by a script; without one, every page still shows and every form still works.

document.addEventListener('keydown', (event) => {
  if (event.key !== 'F1') return;
  event.preventDefault();
  document.getElementById('help')?.click();
});

showLocalTimes(document);
for (const field of document.querySelectorAll('[data-filters]')) filterBy(field);
const live = document.querySelector('[data-live]');
if (live !== null) follow(live, live.dataset.live);

function showLocalTimes(root) {
  for (const time of root.querySelectorAll('time')) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  }
}

/** Hides the rows of tables in the element named that hold none of the words typed. */
function filterBy(field) {
  const among = document.getElementById(field.dataset.filters);
  field.addEventListener('input', () => {
    const words = field.value.trim().toLowerCase().split(/\s+/);
    for (const row of among.querySelectorAll('tbody tr')) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.some((word) => text.includes(word));
    }
  });
}

/** Shows each new view; asks for it again and again where a stream does not come through. */
function follow(element, path) {
  let failures = 0;
  const events = new EventSource(`${path}/events`);
  events.addEventListener('open', () => {
    failures = 0;
    element.classList.remove('stale');
  });
  events.addEventListener('view', (event) => show(element, event.data));
  events.addEventListener('done', () => events.close());
  events.addEventListener('error', () => {
    element.classList.add('stale');
    if (++failures < 3) return;
    events.close();
    poll(element, path);
  });
}

async function poll(element, path) {
  for (;;) {
    try {
      const answer = await fetch(`${path}/now`);
      if (answer.ok) {
        show(element, await answer.text());
        element.classList.remove('stale');
        if (answer.headers.get('Lockstep-Phase') === 'done') return;
      }
    } catch {
      element.classList.add('stale');
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

/** The server has escaped what it put into it. */
function show(element, markup) {
  element.innerHTML = markup;
  showLocalTimes(element);
}
