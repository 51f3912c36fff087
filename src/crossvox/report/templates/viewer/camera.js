/* Where one looks from: turning about a point, moving, zooming; all lengths in metres, z up. */
function cross(a, b) { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
function dot(a, b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
function plus(a, b, s) { return [a[0] + b[0] * s, a[1] + b[1] * s, a[2] + b[2] * s]; }

var STEEPEST = 1.54, tangent = Math.tan(record.field_deg * Math.PI / 360);
var look = { target: record.target.slice(), yaw: 0, pitch: 0, away: 1 };
var flight = null, touched = false;

function axes() {
  var cp = Math.cos(look.pitch), back = [cp * Math.cos(look.yaw), cp * Math.sin(look.yaw), Math.sin(look.pitch)];
  var right = [-Math.sin(look.yaw), Math.cos(look.yaw), 0];
  return { back: back, right: right, up: cross(back, right), eye: plus(look.target, back, look.away) };
}

/* How far away all of some points are in the picture. */
function distanceTo(points, target, aspect) {
  var a = axes(), most = 0.3;
  points.forEach(function (point) {
    var q = plus(point, target, -1), ahead = -dot(q, a.back);
    most = Math.max(most, Math.abs(dot(q, a.right)) / (0.94 * tangent * aspect) - ahead,
      Math.abs(dot(q, a.up)) / (0.94 * tangent) - ahead);
  });
  return most;
}

/* Who steers ends a flight: its next step would undo what was done. */
function land() { cancelAnimationFrame(flight); }

function reset(aspect) {
  land();
  var d = plus(record.eye, record.target, -1), flat = Math.hypot(d[0], d[1]);
  look.target = record.target.slice();
  look.yaw = Math.atan2(d[1], d[0]);
  look.pitch = Math.min(STEEPEST, Math.atan2(d[2], flat));
  look.away = distanceTo(record.fit, look.target, aspect);
  touched = false;
}
function above(aspect) {
  land();
  look.pitch = STEEPEST;
  look.target = record.target.slice();
  look.away = distanceTo(record.fit, look.target, aspect);
  touched = true;
}

/* Column by column, as WebGL takes it. */
function matrix(aspect) {
  var a = axes(), near = 0.03, far = look.away + 60, k = (far + near) / (near - far);
  var sx = 1 / (tangent * aspect), sy = 1 / tangent;
  var x = -dot(a.right, a.eye), y = -dot(a.up, a.eye), z = -dot(a.back, a.eye), m = [];
  for (var i = 0; i < 3; i++) m.push(a.right[i] * sx, a.up[i] * sy, a.back[i] * k, -a.back[i]);
  return m.concat([x * sx, y * sy, z * k + 2 * far * near / (near - far), -z]);
}

/* Where a point lies in the picture, in pixels of the page; null behind the camera. */
function placed(point, width, height) {
  var a = axes(), q = plus(point, a.eye, -1), depth = -dot(q, a.back);
  if (depth < 0.05) return null;
  return { x: width / 2 + dot(q, a.right) / depth / tangent * height / 2,
    y: height / 2 - dot(q, a.up) / depth / tangent * height / 2, depth: depth };
}

function rayAt(x, y, width, height) {
  var a = axes(), u = (2 * x - width) / height * tangent, v = (height - 2 * y) / height * tangent;
  return { origin: a.eye, ray: plus(plus(plus([0, 0, 0], a.back, -1), a.right, u), a.up, v) };
}

function turn(dx, dy) {
  land();
  look.yaw -= dx;
  look.pitch = Math.max(-STEEPEST, Math.min(STEEPEST, look.pitch + dy));
  touched = true;
}
function move(dx, dy) {
  land();
  var a = axes();
  look.target = plus(plus(look.target, a.right, -dx * look.away), a.up, dy * look.away);
  touched = true;
}
function zoom(factor) {
  land();
  look.away = Math.max(0.15, Math.min(200, look.away * factor));
  touched = true;
}

/* Go to another place in half a second, or at once for who wants no motion. */
function fly(to, moved) {
  var from = { target: look.target.slice(), yaw: look.yaw, pitch: look.pitch, away: look.away };
  var still = matchMedia("(prefers-reduced-motion: reduce)").matches, begin = performance.now();
  touched = true;
  land();
  (function step() {
    var t = still ? 1 : Math.min(1, (performance.now() - begin) / 500), s = t * t * (3 - 2 * t);
    look.target = plus(from.target, plus(to.target, from.target, -1), s);
    look.yaw = from.yaw + (to.yaw - from.yaw) * s;
    look.pitch = from.pitch + (to.pitch - from.pitch) * s;
    look.away = from.away + (to.away - from.away) * s;
    moved();
    if (t < 1) flight = requestAnimationFrame(step);
  })();
}

/* Pointers, wheel and arrow keys of the picture. `size`: of the part of it that shows one layer. */
function steered(canvas, size, moved) {
  var down = new Map(), spread = 0;
  canvas.addEventListener("pointerdown", function (event) {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    spread = 0;
  });
  canvas.addEventListener("pointermove", function (event) {
    var before = down.get(event.pointerId);
    if (!before) return;
    var dx = (event.clientX - before.clientX) / size().height, dy = (event.clientY - before.clientY) / size().height;
    down.set(event.pointerId, event);
    if (down.size > 1) {
      var two = Array.from(down.values()), now = Math.hypot(two[0].clientX - two[1].clientX, two[0].clientY - two[1].clientY);
      if (spread) zoom(spread / Math.max(now, 1));
      spread = now;
      move(dx * tangent, dy * tangent);
    } else if (event.buttons & 6 || event.shiftKey) move(2 * dx * tangent, 2 * dy * tangent);
    else turn(dx * 4, dy * 4);
    moved();
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    canvas.addEventListener(name, function (event) { down.delete(event.pointerId); spread = 0; });
  });
  canvas.addEventListener("contextmenu", function (event) { event.preventDefault(); });
  canvas.addEventListener("wheel", function (event) {
    event.preventDefault();
    zoom(Math.exp(Math.max(-0.3, Math.min(0.3, event.deltaY * (event.deltaMode ? 0.05 : 0.0015)))));
    moved();
  }, { passive: false });
  canvas.addEventListener("keydown", function (event) {
    var way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way && event.shiftKey) move(-way[0] * 0.06, -way[1] * 0.06);
    else if (way) turn(-way[0] * 0.12, -way[1] * 0.12);
    else if (event.key === "+" || event.key === "=") zoom(0.88);
    else if (event.key === "-") zoom(1 / 0.88);
    else if (event.key === "0" || event.key === "Home") reset(size().aspect);
    else return;
    event.preventDefault();
    moved();
  });
}
