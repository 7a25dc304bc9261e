// The service worker: shows notifications and opens their pages. The payload is ours (alerts/channels/push.py).
"use strict";

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|iw|ps|sd|ug|ur|yi)(-|$)/i;
const TOKEN_CACHE = "push-token";

// Open pages of this site only, regardless of the payload.
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
    // A later message of the same thread replaces the earlier one, and alerts again.
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
    // An unreadable push must still be shown: browsers revoke the permission of sites that show nothing.
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

// The browser changed the endpoint or its keys: register them with the token that the page stored in the cache.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(
    (async () => {
      const token = await (await caches.open(TOKEN_CACHE)).match("token");
      if (!token) return;
      const base = self.registration.scope;
      const answer = await fetch(new URL("push/key", base));
      const options = { userVisibleOnly: true, applicationServerKey: (await answer.json()).key };
      const fresh = event.newSubscription || (await self.registration.pushManager.subscribe(options));
      const { endpoint, keys } = fresh.toJSON();
      const renewed = await fetch(new URL("push/subscriptions", base), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token: await token.text(), endpoint, keys }),
      });
      if (!renewed.ok) return;
      const own = (await renewed.json()).token;
      await (await caches.open(TOKEN_CACHE)).put("token", new Response(own));
    })(),
  );
});
