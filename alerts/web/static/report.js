// A report outlives a lost connection: what cannot be sent is kept on this device for a day, and sent by itself as soon as
// the connection is back while the page is open. Opened later, the page shows what is kept, to be sent or thrown away.
// A second sending of the same form is the same report (its one-time key). Without this script the form is sent as ever.
"use strict";

(() => {
  const NAME = "unsent-report";
  const LIVES_MS = 86_400_000;
  const EVERY_MS = 10_000;
  const FIELDS = ["key", "where", "spot", "what", "contact"];

  const stored = () => {
    try {
      const found = JSON.parse(localStorage.getItem(NAME));
      if (found && Date.now() - found.at < LIVES_MS) return found;
      localStorage.removeItem(NAME);
    } catch {
      // No storage: nothing is kept.
    }
    return null;
  };
  const store = (found) => {
    try {
      localStorage.setItem(NAME, JSON.stringify(found));
    } catch {
      // Private mode or full: the open page still holds what was typed.
    }
  };
  const drop = () => {
    try {
      localStorage.removeItem(NAME);
    } catch {
      // Nothing was kept.
    }
  };

  if (document.querySelector("[data-report-received]")) {
    if (stored()?.sending) drop();
    return;
  }
  const form = document.querySelector("form[data-report]");
  const note = document.querySelector("[data-kept]");
  if (!form || !note) return;
  const words = note.querySelector("p");
  const discard = note.querySelector("button");
  const { kept, found, sending, find } = note.dataset;
  const send = form.querySelector("button[data-send]");
  let passes = false;
  let waiting = 0;

  const say = (text, droppable) => {
    note.hidden = false;
    discard.hidden = !droppable;
    words.textContent = text;
  };

  const isReachable = async () => {
    try {
      await fetch(form.action, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(8_000) });
      return true;
    } catch {
      return false;
    }
  };

  const held = (isSending) => {
    const fields = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name]?.value ?? ""]));
    store({ fields, at: stored()?.at ?? Date.now(), sending: isSending });
  };

  const pass = (button) => {
    clearInterval(waiting);
    waiting = 0;
    passes = true;
    form.requestSubmit(button);
    passes = false;
  };

  const again = async () => {
    if (!waiting || !(await isReachable()) || !waiting) return;
    say(sending, false);
    held(true);
    pass(send);
  };

  form.addEventListener("submit", async (event) => {
    if (passes) return;
    event.preventDefault();
    const button = event.submitter || send;
    button.disabled = true;
    const reachable = await isReachable();
    button.disabled = false;
    if (reachable) {
      if (button === send && stored()) held(true);
      pass(button);
    } else if (button === send) {
      held(false);
      say(kept, true);
      note.scrollIntoView({ block: "nearest" });
      waiting ||= setInterval(again, EVERY_MS);
    } else {
      say(find, false);
    }
  });
  addEventListener("online", again);
  form.addEventListener("input", () => { if (waiting) held(false); });
  discard.addEventListener("click", () => {
    clearInterval(waiting);
    waiting = 0;
    drop();
    for (const name of FIELDS.slice(1)) if (form.elements[name]) form.elements[name].value = "";
    note.hidden = true;
    form.elements.where.focus();
  });

  const earlier = stored();
  if (earlier && !form.elements.what.value && !form.elements.where.value) {
    for (const name of FIELDS) if (form.elements[name] && name in earlier.fields) form.elements[name].value = earlier.fields[name];
    const at = new Date(earlier.at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    say(found.replace("{time}", at), true);
  }
})();
