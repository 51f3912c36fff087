(function () {
  "use strict";
  /* Boxes of objects. */
  document.querySelectorAll("[data-boxes]").forEach(function (input) {
    input.addEventListener("change", function () {
      input.closest("figure").querySelector("svg.boxes").classList.toggle("off", !input.checked);
    });
  });
  /* A row of the objects' table marks its box. */
  document.querySelectorAll("tr[data-object]").forEach(function (row) {
    var table = row.closest(".table"), name = table.getAttribute("aria-label");
    var link = document.querySelector('.hero a[href="#' + CSS.escape(table.previousElementSibling.id) + '"]');
    var mark = link && link.closest("figure").querySelector('svg.boxes g[data-object="' + row.dataset.object + '"]');
    if (!name || !mark) return;
    row.addEventListener("mouseenter", function () { mark.classList.add("on"); });
    row.addEventListener("mouseleave", function () { mark.classList.remove("on"); });
  });

  /* A click enlarges a picture. */
  var box = document.getElementById("large");
  if (!box || !box.showModal) return;
  document.querySelectorAll("button.zoom").forEach(function (button) {
    button.addEventListener("click", function () {
      var small = button.querySelector("img"), lines = button.parentNode.querySelector("svg.boxes");
      var stack = box.querySelector(".stack"), old = stack.querySelector("svg");
      if (old) old.remove();
      if (lines) stack.appendChild(lines.cloneNode(true));
      box.querySelector("img").src = small.src;
      box.querySelector("img").alt = small.alt;
      box.querySelector("img").className = small.className;
      box.querySelector("p").textContent = small.alt;
      box.showModal();
    });
  });
  box.addEventListener("click", function () { box.close(); });
})();
