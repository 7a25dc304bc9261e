// Notice board: is told when what it shows has changed (server-sent events; without them it asks every ten seconds), puts
// what is new in place, says how old it is, is grey when older than a minute, moves by some pixels against burn-in, and is itself again when nobody has touched it for a while.
"use strict";

(() => {
  const EVERY_MS = 10_000;
  const STALE_S = 60;
  const SILENT_MS = 30_000;
  const AGAIN_MS = 60_000;
  const { home, reset, warn, fresh, stale, going, bulletin, events } = document.body.dataset;
  const age = document.getElementById("age");
  const notice = document.getElementById("going");
  let heard = Date.now();
  let touched = Date.now();
  let told = 0;
  let minute = new Date().getMinutes();
  let shown = "";

  const seconds = (since) => Math.floor((Date.now() - since) / 1000);
  const isChanged = () => Boolean(home) || document.querySelector("details[open]") !== null || window.scrollY > 0;

  const renew = async () => {
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      heard = Date.now();
      for (const part of ["header", "main"]) {
        const next = page.querySelector(part);
        if (next) document.querySelector(part).replaceChildren(...next.childNodes);
      }
      document.querySelector("main").dataset.shown = page.querySelector("main").dataset.shown;
      minute = new Date().getMinutes();
    } catch {
      // No connection: the age says so.
    }
  };

  // While the stream speaks, only the clock needs a look of its own.
  const poll = () => {
    if (Date.now() - told > SILENT_MS || minute !== new Date().getMinutes()) renew();
  };

  const listen = () => {
    if (!("EventSource" in window)) return;
    const stream = new EventSource(events);
    stream.addEventListener("shown", ({ data }) => {
      told = Date.now();
      if (data === document.querySelector("main").dataset.shown) heard = told;
      else renew();
    });
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
    });
  };

  const goHome = () => {
    touched = Date.now();
    notice.textContent = "";
    if (home) location.replace(home);
    document.querySelectorAll("details[open]").forEach((one) => one.removeAttribute("open"));
    window.scrollTo(0, 0);
  };

  const tick = () => {
    const old = seconds(heard);
    const isStale = old > STALE_S;
    document.documentElement.classList.toggle("stale", isStale);
    age.textContent = (isStale ? stale : fresh).replace("{seconds}", old);
    const idle = seconds(touched);
    if (!isChanged()) {
      notice.textContent = "";
    } else if (idle >= Number(reset)) {
      goHome();
    } else if (idle >= Number(warn)) {
      const words = going.replace("{seconds}", Math.ceil((Number(reset) - idle) / 5) * 5);
      if (words !== shown) notice.textContent = shown = words;
    } else {
      notice.textContent = shown = "";
    }
  };

  const shift = () => {
    const step = Math.floor(Date.now() / 60_000) % 4;
    document.body.className = step ? `shift-${step}` : "";
  };

  for (const kind of ["pointerdown", "keydown", "touchstart", "wheel"]) {
    addEventListener(kind, () => { touched = Date.now(); tick(); }, { passive: true });
  }

  const aloud = document.getElementById("aloud");
  if (aloud && "speechSynthesis" in window) {
    aloud.hidden = false;
    aloud.addEventListener("click", async () => {
      if (speechSynthesis.speaking) {
        speechSynthesis.cancel();
        return;
      }
      const said = new SpeechSynthesisUtterance(await (await fetch(bulletin)).text());
      said.lang = document.documentElement.lang;
      speechSynthesis.speak(said);
    });
  }

  setInterval(poll, EVERY_MS);
  listen();
  setInterval(tick, 1000);
  setInterval(shift, 60_000);
  shift();
  tick();
})();
