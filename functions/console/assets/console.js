// What a page gains by a script; without one, every page still shows and every form still works.

document.addEventListener('keydown', (event) => {
  if (event.key !== 'F1') return;
  event.preventDefault();
  document.getElementById('help')?.click();
});

showLocalTimes(document);
document.addEventListener('input', ({ target }) => 'filters' in target.dataset && filterBy(target));
for (const live of document.querySelectorAll('[data-live]')) follow(live, live.dataset.live);

function showLocalTimes(root) {
  for (const time of root.querySelectorAll('time')) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  }
}

/** Hides the rows of tables in the element named that hold none of the words typed. */
function filterBy(field) {
  const words = field.value.trim().toLowerCase().split(/\s+/);
  for (const row of document.querySelectorAll(`#${field.dataset.filters} tbody tr`)) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.some((word) => text.includes(word));
  }
}

/** Shows each new view; asks for it again and again where no stream is offered, or none comes through. */
function follow(element, path) {
  connectionOf(element);
  if ('asks' in element.dataset) return void poll(element, path);
  let failures = 0;
  let soon;
  const events = new EventSource(`${path}/events`);
  events.addEventListener('open', () => {
    failures = 0;
    soon = clearTimeout(soon);
    sayConnected(element);
  });
  let shown = '';
  const turnTo = (markup) => {
    shown = markup;
    show(element, markup);
  };
  events.addEventListener('view', (event) => turnTo(event.data));
  events.addEventListener('patch', (event) => turnTo(patched(shown, JSON.parse(event.data))));
  events.addEventListener('done', () => events.close());
  events.addEventListener('error', () => {
    // A stream that is cut and comes back at once is nobody's concern.
    soon ??= setTimeout(() => sayLost(element), 2000);
    // What is refused is not tried again by the browser itself.
    if (++failures < 3 && events.readyState !== EventSource.CLOSED) return;
    soon = clearTimeout(soon);
    events.close();
    poll(element, path);
  });
}

/** Of a text: each piece of a patch says where in the former lines, how many of them go, and which come. */
function patched(text, patch) {
  const lines = text.split('\n');
  for (const [at, removed, added] of patch.reverse()) lines.splice(at, removed, ...added);
  return lines.join('\n');
}

async function poll(element, path) {
  for (;;) {
    try {
      const answer = await fetch(`${path}/now`);
      if (answer.status === 401) return sayLost(element, 'You are not signed in any more: load this page again.');
      if (!answer.ok) throw new Error(`${answer.status}`);
      show(element, await answer.text());
      sayConnected(element);
      if (answer.headers.get('Lockstep-Phase') === 'done') return;
    } catch {
      sayLost(element);
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

/** The server has escaped what it put into it. Only what has changed is touched: focus, scroll and open parts stay. */
function show(element, markup) {
  const fresh = document.createElement('template');
  fresh.innerHTML = markup;
  showLocalTimes(fresh.content);
  makeAlike(element, fresh.content);
  for (const field of element.querySelectorAll('[data-filters]')) filterBy(field);
}

/** Gives an element the content of another; parts with an id are the same part wherever they stand. */
function makeAlike(element, wanted) {
  let at = element.firstChild;
  for (const node of [...wanted.childNodes]) {
    const kept = node.id ? element.querySelector(`:scope > #${CSS.escape(node.id)}`) : isAlike(at, node) ? at : null;
    if (kept === null) {
      element.insertBefore(node, at);
      continue;
    }
    while (at !== null && at !== kept) at = removeIt(at);
    at = kept.nextSibling;
    if (kept.nodeType !== Node.ELEMENT_NODE) {
      if (kept.data !== node.data) kept.data = node.data;
      continue;
    }
    copyAttributes(kept, node);
    makeAlike(kept, node);
  }
  while (at !== null) at = removeIt(at);
}

function isAlike(one, other) {
  return one !== null && one.nodeName === other.nodeName && !one.id;
}

function removeIt(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function copyAttributes(element, wanted) {
  // Whoever has opened it wants it open.
  for (const { name } of [...element.attributes])
    if (!wanted.hasAttribute(name) && name !== 'open') element.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function sayLost(element, why) {
  if (element.classList.contains('stale') && why === undefined) return;
  element.classList.add('stale');
  const since = new Date().toLocaleTimeString();
  connectionOf(element).textContent =
    why ?? `No connection since ${since}: below is what was known then. This page goes on by itself.`;
}

function sayConnected(element) {
  element.classList.remove('stale');
  connectionOf(element).textContent = '';
}

function connectionOf(element) {
  const there = element.previousElementSibling;
  if (there?.classList.contains('connection')) return there;
  const line = document.createElement('p');
  line.className = 'connection';
  line.setAttribute('role', 'status');
  element.before(line);
  return line;
}
