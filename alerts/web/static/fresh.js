// Keeps an open page up to date: asks for it each minute and puts its new content in place, unless somebody is writing in
// it. A page that could not be renewed for two minutes turns grey and says so. Without this script the page is as of
// the time that stands in it.
"use strict";

(() => {
  const EVERY_MS = 60_000;
  const OLD_MS = 120_000;
  const main = document.querySelector("main[data-fresh]");
  if (!main) return;
  let renewed = Date.now();
  let note = null;

  const show = () => {
    const old = Date.now() - renewed > OLD_MS;
    main.classList.toggle("old", old);
    if (old && !note) {
      note = document.createElement("p");
      note.className = "old-note";
      note.setAttribute("role", "status");
      note.textContent = main.dataset.fresh;
      main.before(note);
    }
    if (!old && note) {
      note.remove();
      note = null;
    }
  };

  // A form stays as it is, with what was typed into it.
  const keepForms = (next) => {
    const own = main.querySelectorAll("form");
    const others = next.querySelectorAll("form");
    if (own.length === others.length) others.forEach((one, at) => one.replaceWith(own[at]));
  };

  const isBusy = () => main.contains(document.activeElement) || main.querySelector("details[open]");

  const renew = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        renewed = Date.now();
        if (!isBusy()) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const next = page.querySelector("main");
          if (next && next.innerHTML !== main.dataset.shown) {
            main.dataset.shown = next.innerHTML;
            keepForms(next);
            main.replaceChildren(...next.childNodes);
            document.title = page.title;
            document.dispatchEvent(new Event("renewed"));
          }
        }
      }
    } catch {
      // No connection: the page turns grey by itself.
    }
    show();
  };

  setInterval(show, 5_000);
  setInterval(renew, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - renewed > EVERY_MS) renew();
    show();
  });
})();
