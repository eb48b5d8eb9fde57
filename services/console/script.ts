/**
 * What runs in the browser: pages stay as they are without it. It renews what has changed in place, sends forms without
 * leaving the page, and asks before what cannot be taken back. Plain script, without a library.
 */

export const script: string = `'use strict';
const base = document.body.dataset.base;
let shown = location.pathname;

/* Renewal in place: focus, scroll, what is open and what is being typed stay as they are. */
const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || '' : '');
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
const typed = (field) =>
  field === document.activeElement ||
  (field.type === 'checkbox' || field.type === 'radio'
    ? field.checked !== field.defaultChecked
    : field.nodeName === 'SELECT'
      ? [...field.options].some((one) => one.selected !== one.defaultSelected) && field.selectedIndex > 0
      : field.value !== field.defaultValue);

function morph(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeType !== 1) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(old.nodeName) && typed(old)) return;
  const lasting = old.nodeName === 'DETAILS' || old.nodeName === 'DIALOG';
  for (const { name } of [...old.attributes])
    if (!now.hasAttribute(name) && !(lasting && name === 'open')) old.removeAttribute(name);
  for (const { name, value } of now.attributes)
    if (old.getAttribute(name) !== value && !(lasting && name === 'open')) old.setAttribute(name, value);
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const child of [...now.childNodes]) {
    const key = keyOf(child);
    const found = key ? keyed.get(key) : at && alike(at, child) ? at : null;
    if (!found || !alike(found, child)) old.insertBefore(child, at);
    else {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      morph(found, child);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/* Parsed so, what stands for a missing script is markup like any other; here it would be a field that must be filled in, unseen. */
function parsed(text) {
  const page = new DOMParser().parseFromString(text, 'text/html');
  for (const one of page.querySelectorAll('noscript')) one.remove();
  return page;
}

function signedOut() {
  say('You are not in any more: scripts/vigil console makes a new link.', 'bad');
  standing('signed out');
}
function say(text, tone) {
  const line = document.createElement('p');
  line.className = 'notice ' + tone;
  line.textContent = text;
  document.getElementById('notice').replaceChildren(line);
}
function standing(text) {
  const live = document.getElementById('live');
  live.textContent = text;
  live.hidden = text === '';
}

let etag = '';
let stale = false;
let renewing = false;
let out = false;
/* How often a form has changed the page: what was asked for before is of a page that is gone. */
let sent = 0;
async function renew() {
  if (out || renewing || document.hidden) {
    stale = true;
    return;
  }
  renewing = true;
  stale = false;
  const before = sent;
  try {
    const headers = { 'x-vigil-renewal': '1' };
    if (etag) headers['if-none-match'] = etag;
    const answer = await fetch(location.href, { headers, cache: 'no-store' });
    if (answer.status === 401) {
      out = true;
      return signedOut();
    }
    if (!answer.ok) return;
    const now = parsed(await answer.text());
    if (sent !== before) {
      stale = true;
      return;
    }
    etag = answer.headers.get('etag') || '';
    for (const region of document.querySelectorAll('[data-live][id]')) {
      const other = now.getElementById(region.id);
      if (other) morph(region, other);
    }
    standing('');
  } catch {
    standing('not reached');
  } finally {
    renewing = false;
    if (stale && !document.hidden) setTimeout(renew, 250);
  }
}

/* One tab holds the stream, and tells the others: a browser has six connections for all of them. */
if (base) {
  const others = new BroadcastChannel('vigil ' + base);
  others.onmessage = ({ data }) => (data === 'lost' ? standing('not reached') : renew());
  const tell = (what) => {
    others.postMessage(what);
    if (what === 'lost') standing('not reached');
    else renew();
  };
  const listen = () => new Promise(() => {
    let lost = false;
    const follow = () => {
      const stream = new EventSource(base + '/live');
      stream.addEventListener('change', () => tell('change'));
      stream.onopen = () => {
        lost = false;
        tell('change');
      };
      stream.onerror = () => {
        if (!lost) tell('lost');
        lost = true;
        if (stream.readyState !== EventSource.CLOSED || out) return;
        setTimeout(() => renew().then(() => (out ? others.postMessage('change') : follow())), 5000);
      };
    };
    follow();
  });
  /* Through a tunnel without TLS there are no locks: each tab then has a stream of its own. */
  if (navigator.locks) navigator.locks.request('vigil ' + base, listen);
  else listen();
  /* What came to pass between the page and the ear for it. */
  setTimeout(renew, 300);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && stale) renew();
  });
}

/* Forms: sent from where one is; what comes back takes the page's place. */
async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  /* No button is disabled: it would lose the focus of whoever works by the keyboard. */
  form.setAttribute('aria-busy', 'true');
  try {
    const answer = await fetch(form.action, { method: 'POST', body });
    const now = parsed(await answer.text());
    if (answer.status === 401) return signedOut();
    if (!now.getElementById('notice')) return say((now.querySelector('main') || now.body).textContent.trim(), 'bad');
    const there = new URL(answer.url);
    there.searchParams.delete('notice');
    const same = there.pathname === location.pathname;
    const refused = now.querySelector('#notice .bad');
    if (!refused) form.reset();
    sent += 1;
    if (same) {
      etag = '';
      for (const id of ['pages', 'standing', 'switch']) morph(document.getElementById(id), now.getElementById(id));
      morph(document.getElementById('main'), now.getElementById('main'));
      /* What was pressed may be gone. */
      if (document.activeElement === document.body) document.getElementById('main').focus();
      if (!there.search && location.search) renew();
    } else {
      history.pushState(null, '', there);
      shown = there.pathname;
      document.title = now.title;
      for (const part of ['.pages', '.top', 'main']) document.querySelector(part).replaceWith(now.querySelector(part));
      document.getElementById('main').focus();
      scrollTo(0, 0);
    }
  } catch {
    say('Vigil could not be reached: it is not known whether that was done.', 'bad');
  } finally {
    form.removeAttribute('aria-busy');
  }
}

function sure(question, label) {
  const dialog = document.createElement('dialog');
  const text = document.createElement('p');
  text.textContent = question;
  const form = document.createElement('form');
  form.method = 'dialog';
  const yes = document.createElement('button');
  yes.value = 'yes';
  yes.className = 'danger strong';
  yes.textContent = label;
  const no = document.createElement('button');
  no.value = 'no';
  no.textContent = 'Cancel';
  no.autofocus = true;
  form.className = 'buttons';
  form.append(yes, no);
  dialog.setAttribute('aria-label', question);
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
  });
}

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!base || form.method !== 'post') return;
  event.preventDefault();
  if (form.getAttribute('aria-busy')) return;
  const { submitter } = event;
  const question = form.dataset.confirm;
  if (question && !(await sure(question, submitter ? submitter.textContent : 'Yes'))) return;
  const dialog = form.closest('dialog');
  if (dialog) dialog.close();
  await send(form, submitter);
});

/* A message is sent by Enter, as in every chat; Shift and Enter begin a line. */
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !event.target.matches('textarea[data-enter]')) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-dialog]');
  if (opener && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog).showModal();
  }
  const closer = event.target.closest('dialog [data-close]');
  if (closer) {
    event.preventDefault();
    closer.closest('dialog').close();
  }
});
/* Back from where a form had led; a mark within the page is no other page. */
addEventListener('popstate', () => {
  if (location.pathname !== shown) location.reload();
});

/* What waits for nothing but a script. */
const current = document.querySelector('.pages [aria-current]');
if (current) current.scrollIntoView({ block: 'nearest', inline: 'center', behavior: 'instant' });
for (const form of document.querySelectorAll('form[data-auto]')) form.requestSubmit();
if (location.search.includes('notice=')) {
  const here = new URL(location.href);
  here.searchParams.delete('notice');
  history.replaceState(null, '', here);
}
`;
