/* Tables that are wider than the window are scrolled by keys as well: the theme wraps them later. */
new MutationObserver(() => {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])"))
    wrap.tabIndex = 0;
}).observe(document.documentElement, { childList: true, subtree: true });
