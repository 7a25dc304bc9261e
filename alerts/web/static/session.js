// Warns two minutes before a sign-in ends for want of requests, on every open tab, and keeps it by one press. What is
// written stays on the page in any case. Without this script the next page asks to sign in again.
"use strict";

(() => {
  const bar = document.getElementById("session");
  if (!bar) return;
  const IDLE_MS = Number(bar.dataset.idle) * 1000;
  const WARN_MS = 120_000;
  const KEY = "alerts-console-seen";
  const words = bar.querySelector("[role=alert]");
  const button = bar.querySelector("button");

  const seen = () => {
    try {
      return Number(localStorage.getItem(KEY)) || 0;
    } catch {
      return 0;
    }
  };
  const note = () => {
    try {
      localStorage.setItem(KEY, String(Date.now()));
    } catch {
      // Without storage this tab counts for itself.
    }
  };
  let opened = Date.now();
  note();

  const show = () => {
    const left = Math.max(opened, seen()) + IDLE_MS - Date.now();
    const warn = left < WARN_MS;
    bar.hidden = !warn;
    if (!warn) {
      words.textContent = "";
      return;
    }
    const said = left > 0 ? bar.dataset.soon : bar.dataset.over;
    if (words.textContent !== said) words.textContent = said;
    button.hidden = left <= 0;
  };

  // Any request of this page counts on the server; so it does here.
  const asked = window.fetch;
  window.fetch = (...given) => asked(...given).then((answer) => {
    if (answer.ok) {
      opened = Date.now();
      note();
    }
    return answer;
  });
  button.addEventListener("click", async () => {
    const answer = await fetch(bar.dataset.keep, { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (!answer?.ok) words.textContent = bar.dataset.over;
    show();
  });
  addEventListener("storage", show);
  setInterval(show, 5_000);
})();
