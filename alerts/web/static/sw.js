// The service worker: shows notifications and opens their pages. The payload is ours (alerts/channels/push.py).
"use strict";

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|iw|ps|sd|ug|ur|yi)(-|$)/i;
const TOKEN_CACHE = "push-token";
const TOKENS = ["token", "team"]; // of a resident, and of a member of the team: one browser may be both
const NOTICES = "notices";
const KEPT = 10; // pages of the last notices, to be read without a connection

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

// The page's own security policy goes with it; `Vary` and the mark of a redirection would make it unusable.
function policy(answer) {
  const found = answer.headers.get("Content-Security-Policy");
  return found ? { "Content-Security-Policy": found } : {};
}

// Keep the page of a notice; the oldest of too many goes.
async function keep(url) {
  if (!url || !new URL(url).pathname.includes("/alerts/")) return;
  const pages = await caches.open(NOTICES);
  const answer = await fetch(url, { credentials: "omit" });
  if (!answer.ok) return;
  await pages.delete(url);
  const headers = { "Content-Type": answer.headers.get("Content-Type"), ...policy(answer) };
  await pages.put(url, new Response(await answer.blob(), { headers }));
  const urls = await pages.keys();
  await Promise.all(urls.slice(0, Math.max(0, urls.length - KEPT)).map((one) => pages.delete(one)));
}

async function kept(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const page = await (await caches.open(NOTICES)).match(request.url, { ignoreSearch: true, ignoreVary: true });
    if (page) return page;
    throw error;
  }
}

// Pages of notices come from the network, and only without one as they were kept.
self.addEventListener("fetch", (event) => {
  const path = event.request.url.slice(self.registration.scope.length);
  if (event.request.mode === "navigate" && event.request.method === "GET" && path.startsWith("alerts/")) {
    event.respondWith(kept(event.request));
  }
});

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let data = {};
  try {
    data = event.data ? event.data.json() : {};
  } catch {
    // An unreadable push must still be shown: browsers revoke the permission of sites that show nothing.
  }
  const words = shown(data);
  const show = self.registration.showNotification(data.title || "Alert", words);
  event.waitUntil(Promise.all([show, keep(words.data.url).catch(() => undefined)]));
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

// Tell the server of a subscription that the browser made anew, by one of the tokens that pages stored in the cache.
async function renew(name, { endpoint, keys }) {
  const tokens = await caches.open(TOKEN_CACHE);
  const token = await tokens.match(name);
  const renewed = await fetch(new URL("push/subscriptions", self.registration.scope), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: await token.text(), endpoint, keys }),
  });
  if (renewed.ok) await tokens.put(name, new Response((await renewed.json()).token));
}

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(
    (async () => {
      const tokens = await caches.open(TOKEN_CACHE);
      const found = await Promise.all(TOKENS.map((name) => tokens.match(name)));
      const names = TOKENS.filter((_, at) => found[at]);
      if (!names.length) return;
      const answer = await fetch(new URL("push/key", self.registration.scope));
      const options = { userVisibleOnly: true, applicationServerKey: (await answer.json()).key };
      const fresh = event.newSubscription || (await self.registration.pushManager.subscribe(options));
      await Promise.allSettled(names.map((name) => renew(name, fresh.toJSON())));
    })(),
  );
});
