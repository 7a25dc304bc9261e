// Passkeys: asks the browser for one, or for a new one, and hands its answer to the server. The part of the page that
// needs them stays hidden where the browser has none.
"use strict";

(() => {
  const box = document.querySelector("[data-passkey]");
  if (!box || !window.PublicKeyCredential || !navigator.credentials) return;
  const button = box.querySelector("button");
  const alert = box.querySelector("[role=alert]");
  box.hidden = false;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const asked = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail || "It did not work. Try again.");
    return said;
  };

  const withBytes = ({ user, excludeCredentials = [], allowCredentials = [], ...options }) => ({
    ...options,
    challenge: bytes(options.challenge),
    ...(user ? { user: { ...user, id: bytes(user.id) } } : {}),
    excludeCredentials: excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
    allowCredentials: allowCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
  });

  const plain = (made) => ({
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    response: Object.fromEntries(
      ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]
        .filter((name) => made.response[name])
        .map((name) => [name, text(made.response[name])]),
    ),
    clientExtensionResults: made.getClientExtensionResults(),
  });

  button.addEventListener("click", async () => {
    alert.textContent = "";
    button.disabled = true;
    try {
      const { options, token } = await asked(`${box.dataset.passkey}/options`, {});
      const publicKey = withBytes(options);
      const isNew = "new" in box.dataset;
      const made = await (isNew ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
      const label = isNew ? document.getElementById("label").value : "";
      const back = { next: box.dataset.next || "" };
      const { location: target } = await asked(box.dataset.passkey, { token, credential: plain(made), label, ...back });
      location.href = target;
    } catch (error) {
      alert.textContent = error.name === "NotAllowedError" ? "It was broken off, or took too long. Try again." : error.message;
    } finally {
      button.disabled = false;
    }
  });
})();
