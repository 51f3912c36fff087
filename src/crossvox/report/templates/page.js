(function () {
  "use strict";
  function all(selector, within) { return Array.from((within || document).querySelectorAll(selector)); }
  function made(tag, name, text) {
    var element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    return element;
  }

  /* The contents mark the section that is being read. */
  (function () {
    var list = document.querySelector(".contents ul");
    if (!list) return;
    var links = all("a", list), places = links.map(function (link) {
      return document.getElementById(link.getAttribute("href").slice(1));
    });
    var asked = false;
    function mark() {
      asked = false;
      var root = document.documentElement, line = innerHeight * 0.35, now = -1;
      var ended = scrollY > 0 && scrollY + innerHeight >= root.scrollHeight - 2;
      places.forEach(function (place, i) {
        if (place && place.getBoundingClientRect().top <= line) now = i;
      });
      if (ended) now = places.length - 1;
      links.forEach(function (link, i) {
        if (i === now) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
        link.classList.toggle("within", !!(now >= 0 && i !== now && places[i] && places[i].contains(places[now])));
      });
      var link = links[now];
      if (link && list.scrollWidth > list.clientWidth) list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
    }
    function ask() { if (!asked) { asked = true; requestAnimationFrame(mark); } }
    addEventListener("scroll", ask, { passive: true });
    addEventListener("resize", ask);
    mark();
  })();

  /* Two pictures of one view, one over the other, with a divide that is moved. */
  all(".shots").forEach(function (shots) {
    var pictures = all("figure[data-name]", shots);
    if (pictures.length < 2) return;
    var slider = made("figure", "slider"), stage = made("div", "stage"), chosen = [];
    var choice = made("div", "choice"), caption = made("figcaption"), keys = made("div", "keys");
    var under = made("img"), over = made("img"), bar = made("span", "bar"), range = made("input");
    range.type = "range";
    range.min = 0;
    range.max = 100;
    range.value = 50;
    var first = pictures.findIndex(function (one) { return one.hasAttribute("data-left"); });
    var second = pictures.findIndex(function (one) { return one.hasAttribute("data-right"); });
    chosen = [Math.max(first, 0), second >= 0 ? second : first === 1 ? 0 : pictures.length > 1 ? 1 : 0];
    function cut() {
      over.style.clipPath = "inset(0 " + (100 - range.value) + "% 0 0)";
      bar.style.left = range.value + "%";
      var names = chosen.map(function (i) { return pictures[i].dataset.name; });
      range.setAttribute("aria-valuetext", range.value + "% " + names[0] + ", the rest " + names[1]);
    }
    function show() {
      var shown = chosen.map(function (i) { return pictures[i]; });
      [over, under].forEach(function (image, i) {
        image.src = shown[i].querySelector("img").src;
        image.alt = shown[i].querySelector("img").alt;
      });
      range.setAttribute("aria-label", "Divide between " + shown[0].dataset.name + " on the left and " + shown[1].dataset.name + " on the right");
      caption.textContent = "";
      keys.textContent = "";
      var told = [];
      shown.forEach(function (one, i) {
        var text = made("span", "", ["Left: ", "Right: "][i]);
        Array.from(one.querySelector("figcaption").childNodes).forEach(function (node) { text.appendChild(node.cloneNode(true)); });
        caption.appendChild(text);
        var key = one.closest(".group").querySelector(".key");
        if (key && told.indexOf(key) < 0) { told.push(key); keys.appendChild(key.cloneNode(true)); }
      });
      cut();
    }
    ["Left", "Right"].forEach(function (side, n) {
      var label = made("label", "", side + " "), select = made("select"), group = null, box = null;
      pictures.forEach(function (one, i) {
        var name = one.closest(".group").dataset.group;
        if (name !== group) { group = name; box = made("optgroup"); box.label = name; select.appendChild(box); }
        var option = made("option", "", one.dataset.name);
        option.value = i;
        box.appendChild(option);
      });
      select.value = chosen[n];
      select.addEventListener("change", function () { chosen[n] = +select.value; show(); });
      label.appendChild(select);
      choice.appendChild(label);
    });
    range.addEventListener("input", cut);
    [under, over, bar, range].forEach(function (part) { stage.appendChild(part); });
    [choice, stage, caption, keys].forEach(function (part) { slider.appendChild(part); });
    shots.insertBefore(slider, shots.firstChild);
    var more = shots.querySelector("details");
    if (more) more.open = false;
    show();
  });
  var opened = [];
  addEventListener("beforeprint", function () {
    opened = all("details:not([open])").filter(function (one) { return !one.closest("#origin"); });
    opened.forEach(function (one) { one.open = true; });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (one) { one.open = false; });
  });
})();
