/* A place in the picture: what lies there, in words; points that are marked; the length between two. */
var tip = document.getElementById("tip"), marks = [], measuring = false, span = document.createElement("span");
span.id = "length";
span.hidden = true;
names.parentNode.insertBefore(span, names);

/* What is under a place of the picture. */
function under(x, y) {
  var pane = paneAt(x, y), layer = record.layers[pane.layer], surface = record.surfaces[layer.surface];
  var ray = rayAt(x - pane.x, y - pane.y, pane.width, pane.height), labels = layer.labels;
  var found = hit(surface, state.shell ? surface.faces.length / 3 : surface.inner, ray.origin, ray.ray,
    state.shell ? 1e9 : record.top + 0.02, labels && function (f) { return !picture.isShown(labels[f]); });
  if (!found) return null;
  var place = plus(ray.origin, ray.ray, found.far), lines = [], number = 0;
  if (labels) lines.push(record.names[labels[found.face]] || "no label");
  if (surface.confidence && labels === surface.labels) lines.push("confidence " + Math.floor(surface.confidence[found.vertex] / 255 * 1000) / 10 + "%");
  if (surface.objects && (number = surface.objects[found.face])) {
    var one = objectOf(number);
    lines.push("object " + number + (one ? ", " + one.name : ""));
  }
  lines.push(place.map(function (v) { return v.toFixed(2); }).join(", ") + " m");
  return { lines: lines, object: number, place: place };
}
function inPicture(event) {
  var box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
function tell(at, found) {
  tip.hidden = !found;
  hover(found ? found.object : 0);
  if (!found) return;
  tip.textContent = found.lines.join("\n");
  tip.style.left = Math.max(0, Math.min(at.x + 14, canvas.clientWidth - tip.offsetWidth - 4)) + "px";
  tip.style.top = Math.max(0, Math.min(at.y + 14, canvas.clientHeight - tip.offsetHeight - 4)) + "px";
}

/* In centimetres below a metre. */
function lengthText(metres) {
  return metres < 1 ? (metres * 100).toFixed(1) + " cm" : metres.toFixed(2) + " m";
}
function apart() { return marks.length > 1 ? Math.hypot.apply(null, plus(marks[1], marks[0], -1)) : null; }
function markLines() {
  var lines = [], arm = 0.05;
  marks.forEach(function (p) {
    [[arm, 0, 0], [0, arm, 0], [0, 0, arm]].forEach(function (d) { lines.push([plus(p, d, -1), plus(p, d, 1), COLORS.chosen]); });
  });
  if (marks.length > 1) lines.push([marks[0], marks[1], COLORS.chosen]);
  picture.lines("marks", lines);
  redraw();
}
function lengthTag() {
  var found = apart(), at = found === null ? null : placed(plus(marks[0], plus(marks[1], marks[0], -1), 0.5), size().width, size().height);
  span.hidden = !at;
  if (!at) return;
  span.textContent = lengthText(found);
  span.style.transform = "translate(" + Math.round(at.x) + "px," + Math.round(at.y) + "px) translate(-50%,-130%)";
}
function measure(on) {
  measuring = on;
  marks = [];
  panel.querySelector("[data-do=measure]").setAttribute("aria-pressed", String(on));
  canvas.classList.toggle("measuring", on);
  say(on ? "Measure: click a point, then another one. Esc ends it." : "");
  showFrames(null);
  markLines();
}
function clicked(at) {
  var found = under(at.x, at.y);
  tell(at, found);
  if (!measuring) {
    marks = found ? [found.place] : [];
    showFrames(found && found.place);
  } else if (found) {
    marks = marks.length === 1 ? [marks[0], found.place] : [found.place];
    var length = apart();
    say(length === null ? "Now click the other point." : "Distance: " + lengthText(length) + ". The next click begins anew, Esc ends it.");
  } else say("Nothing is there: click the surface.");
  markLines();
}

/* What is in the middle of the picture, for who has no pointer. */
function clickedMiddle() { clicked({ x: size().width / 2, y: size().height / 2 }); }

function pointed() {
  var late = 0, down = null;
  canvas.addEventListener("pointerdown", function (event) { down = inPicture(event); });
  canvas.addEventListener("pointermove", function (event) {
    cancelAnimationFrame(late);
    late = requestAnimationFrame(function () {
      var at = inPicture(event);
      tell(at, event.buttons ? null : under(at.x, at.y));
    });
  });
  canvas.addEventListener("pointerleave", function (event) {
    cancelAnimationFrame(late);
    if (event.pointerType === "mouse") tell(null, null);
  });
  canvas.addEventListener("click", function (event) {
    var at = inPicture(event);
    cancelAnimationFrame(late);
    /* What was dragged was no click. */
    if (down && Math.hypot(at.x - down.x, at.y - down.y) < 5 && !event.shiftKey) clicked(at);
  });
}
