// While somebody looks, the page is fetched again every 15 seconds, and its main part takes the place of the old one.
"use strict";

const PAUSE = 15000;

function isAtWork(main) {
  const typing = main.contains(document.activeElement) && document.activeElement.matches("input, select, button");
  const selection = getSelection();
  return document.hidden || typing || (!selection.isCollapsed && main.contains(selection.anchorNode));
}

function put(old, fresh) {
  for (const each of old.querySelectorAll("details[open][id]")) {
    const same = fresh.querySelector("#" + CSS.escape(each.id));
    if (same) same.open = true;
  }
  const at = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceWith(fresh);
  if (at) fresh.querySelector(`[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
}

async function look() {
  const main = document.querySelector("main");
  if (isAtWork(main)) return;
  try {
    const headers = { "X-Requested-With": "XMLHttpRequest" }; // IAP then answers 401, not with a page to sign in
    const answer = await fetch(location.href, { headers, cache: "no-store", redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    put(main, document.adoptNode(page.querySelector("main")));
    document.title = page.title;
    delete document.documentElement.dataset.old;
  } catch {
    document.documentElement.dataset.old = "";
  }
}

setInterval(look, PAUSE);
document.addEventListener("visibilitychange", look);
