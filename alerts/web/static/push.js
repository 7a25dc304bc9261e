// "Also on this device": requests a push subscription from the browser and registers it, or puts it into the sign-up
// form. Without this script, or in a browser without push, the offer stays hidden and the page says so.
"use strict";

(() => {
  const own = document.querySelector("[data-push-own]"); // this browser's own contact point was confirmed just now
  // By a whole path: a page's relative one would not be where the service worker looks.
  const keep = async (at, name, token) => (await caches.open("push-token")).put(`${at}/${name}`, new Response(token));
  if (own && "caches" in window) keep(own.dataset.base, "token", own.dataset.pushOwn);
  const offer = document.querySelector("[data-push]");
  if (!offer || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const { token, base, register, done, denied, failed } = offer.dataset;
  const button = offer.querySelector("button");
  const status = offer.querySelector("[role=status]");
  const field = offer.querySelector("input[name=push]");
  const tick = offer.querySelector("input[type=checkbox]");
  offer.hidden = false;
  document.querySelector("[data-push-missing]")?.remove();

  const subscribed = async () => {
    const registration = await navigator.serviceWorker.register(`${base}/sw.js`, { scope: `${base}/` });
    await navigator.serviceWorker.ready;
    const { key } = await (await fetch(`${base}/push/key`)).json();
    return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  };

  const subscribe = async () => {
    if ((await Notification.requestPermission()) !== "granted") return denied;
    const { endpoint, keys } = (await subscribed()).toJSON();
    if (field) {
      field.value = JSON.stringify({ endpoint, keys });
      tick.checked = true;
      return done;
    }
    const post = (url, body) =>
      fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (register) {
      const label = offer.querySelector("input[type=text]").value;
      const said = await post(register, { label, endpoint, keys });
      const found = await said.json().catch(() => ({}));
      if (!said.ok) return found.detail || failed;
      await keep(base, "team", found.token); // renews this browser
      location.reload(); // the list of devices is the server's
      return done;
    }
    const answer = await post(`${base}/push/subscriptions`, { token, endpoint, keys });
    if (!answer.ok) return failed;
    const own = (await answer.json()).token; // renews this browser alone, as long as it is subscribed
    await keep(base, "token", own);
    button.hidden = true;
    return done;
  };

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      status.textContent = await subscribe();
    } catch {
      status.textContent = failed;
    }
    button.disabled = false;
  });
})();
