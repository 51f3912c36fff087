/* All is there: open the numbers, draw. */
bytesOf(document.getElementById("data")).then(function (buffer) {
  opened(buffer);
  picture = drawing(canvas);
  if (!picture) throw new Error("no WebGL 2");
  if (beside) state.beside = beside.value === "" ? null : +beside.value;
  reset(size().aspect);
  steered(canvas, size, moved);
  pointed();
  wired();
  drawFrames();
  papered();
  panel.querySelectorAll("[data-show]").forEach(function (box) { state[box.dataset.show] = box.checked; });
  panel.querySelectorAll("[data-label]").forEach(function (box) { picture.show(+box.dataset.label, box.checked); });
  setLayer(+panel.querySelector("input[name=layer]:checked").value);
  drawNow();
  document.body.dataset.ready = "1";
}).catch(failed);
