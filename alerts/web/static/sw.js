// The service worker: shows notifications and leads to their pages. The payload is ours (alerts/channels/push.py).
"use strict";

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|iw|ps|sd|ug|ur|yi)(-|$)/i;
const KEPT = "push-token";

// Only pages of ours are opened, whatever a payload says.
function ours(url) {
  try {
    const found = new URL(url, self.registration.scope);
    return url && found.href.startsWith(self.registration.scope) ? found.href : "";
  } catch {
    return "";
  }
}

function shown(data) {
  const labels = Array.isArray(data.labels) ? data.labels : [];
  const links = { url: ours(data.url), why: ours(data.why || ""), stop: ours(data.stop || "") };
  const ways = ["why", "stop"];
  return {
    body: data.body || "",
    tag: data.tag || data.id || "",
    lang: data.lang || "",
    dir: RIGHT_TO_LEFT.test(data.lang || "") ? "rtl" : "ltr",
    // A later message of the same thread takes the earlier one's place, and is heard again.
    renotify: Boolean(data.tag || data.id),
    requireInteraction: ["Extreme", "Severe"].includes(data.severity),
    data: links,
    actions: ways.flatMap((action, at) => (links[action] && labels[at] ? [{ action, title: labels[at] }] : [])),
  };
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let data = {};
  try {
    data = event.data ? event.data.json() : {};
  } catch {
    // A push that cannot be read must still be shown: browsers take the permission away from those that stay silent.
  }
  event.waitUntil(self.registration.showNotification(data.title || "Alert", shown(data)));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const links = event.notification.data || {};
  const target = links[event.action] || links.url || self.registration.scope;
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((windows) => {
      const there = windows.find((one) => one.url === target);
      return there ? there.focus() : self.clients.openWindow(target);
    }),
  );
});

// The browser gave this device another endpoint or other keys: say so, by the token that the page left with us.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(
    (async () => {
      const kept = await (await caches.open(KEPT)).match("token");
      if (!kept) return;
      const base = self.registration.scope;
      const answer = await fetch(new URL("push/key", base));
      const options = { userVisibleOnly: true, applicationServerKey: (await answer.json()).key };
      const fresh = event.newSubscription || (await self.registration.pushManager.subscribe(options));
      const { endpoint, keys } = fresh.toJSON();
      await fetch(new URL("push/subscriptions", base), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token: await kept.text(), endpoint, keys }),
      });
    })(),
  );
});
