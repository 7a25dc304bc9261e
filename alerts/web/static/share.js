// "Share": the device's own sheet where there is one, else the address is copied. Without this script the button stays
// hidden; the address of the page is all there is to share.
"use strict";

(() => {
  const button = document.querySelector("[data-share]");
  if (!button || !(navigator.share || navigator.clipboard)) return;
  const { share: url, title, copied } = button.dataset;
  const status = button.parentElement.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      if (navigator.share) {
        await navigator.share({ title, url });
      } else {
        await navigator.clipboard.writeText(url);
        status.textContent = copied;
      }
    } catch {
      // Closed without sharing.
    }
  });
})();
