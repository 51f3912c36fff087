/* The picture: triangles of one layer or of two beside each other, lines, frames of the capture. */
var MESH = ["#version 300 es\nin vec4 place; in vec4 color; uniform mat4 camera; uniform vec3 low, span; uniform float top;" +
  "uniform highp sampler2D shown; out vec3 tint; flat out float label, dim;" +
  "void main() { label = floor(color.a * 255. + .5); float on = texelFetch(shown, ivec2(int(label), 0), 0).r;" +
  "dim = on > .99 ? 0. : .82; tint = min(color.rgb * place.w * 1.7 * 1.05, 1.);" +
  "vec3 at = low + place.xyz * span; at.z = min(at.z, top);" +
  "gl_Position = on < .1 ? vec4(2., 2., 2., 1.) : camera * vec4(at, 1.); }",
  "#version 300 es\nprecision mediump float; in vec3 tint; flat in float label, dim; uniform float hatch; uniform vec3 stripe, paper; out vec4 made;" +
  "void main() { vec3 c = tint; if (hatch > .5 && label < .5 && mod(floor((gl_FragCoord.x + gl_FragCoord.y) / hatch), 2.) > .5) c = stripe; made = vec4(mix(c, paper, dim), 1.); }"];
var LINE = ["#version 300 es\nin vec3 begin, end; in vec4 color; uniform mat4 camera; uniform vec2 size; uniform float width, fade; out vec4 tint;" +
  "void main() { vec4 a = camera * vec4(begin, 1.), b = camera * vec4(end, 1.); const float near = .03; tint = vec4(color.rgb, color.a * fade);" +
  "if (a.w < near && b.w < near) { gl_Position = vec4(2., 2., 2., 1.); return; }" +
  "if (a.w < near) a = mix(b, a, (b.w - near) / (b.w - a.w)); if (b.w < near) b = mix(a, b, (a.w - near) / (a.w - b.w));" +
  "vec2 d = (b.xy / b.w - a.xy / a.w) * size; float l = length(d); d = l > 1e-4 ? d / l : vec2(1., 0.);" +
  "vec4 at = (gl_VertexID & 1) == 0 ? a : b; float s = (gl_VertexID & 2) == 0 ? width : -width;" +
  "gl_Position = vec4(at.xy + vec2(-d.y, d.x) * s / size * at.w, at.z - 2e-4 * at.w, at.w); }",
  "#version 300 es\nprecision mediump float; in vec4 tint; out vec4 made; void main() { made = vec4(tint.rgb * tint.a, tint.a); }"];
var PHOTO = ["#version 300 es\nin vec3 place; in vec2 uv; uniform mat4 camera; out vec2 at; void main() { at = uv; gl_Position = camera * vec4(place, 1.); }",
  "#version 300 es\nprecision mediump float; in vec2 at; uniform sampler2D image; out vec4 made; void main() { made = vec4(texture(image, at).rgb, 1.); }"];

function share(x) { return x / 255; }

function program(gl, texts) {
  var made = gl.createProgram();
  [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach(function (kind, i) {
    var shader = gl.createShader(kind);
    gl.shaderSource(shader, texts[i]);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  });
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) || "no program");
  var at = {};
  return { use: function () { gl.useProgram(made); },
    uniform: function (name) { return name in at ? at[name] : (at[name] = gl.getUniformLocation(made, name)); },
    attribute: function (name) { return gl.getAttribLocation(made, name); } };
}

/* How coarse a picture may be: 0 is the best, 1 has rough edges, each further one a quarter of the triangles,
   the last one half the size. */
var LEAST = 12000;
function coarsest(surface) { return Math.max(0, Math.floor(Math.log(surface.faces.length / 3 / LEAST) / Math.log(4))) + 2; }
function levelOf(surface, step) { return Math.max(0, Math.min(step, coarsest(surface) - 1) - 1); }

function drawing(canvas) {
  var gl = canvas.getContext("webgl2", { antialias: false });
  if (!gl) return null;
  var mesh = program(gl, MESH), line = program(gl, LINE), photo = program(gl, PHOTO);
  var shown = new Uint8Array(256).fill(255), lit = null, mask = gl.createTexture(), layers = {}, drawn = {};
  var smooth = { target: gl.createFramebuffer(), color: gl.createRenderbuffer(), depth: gl.createRenderbuffer(), width: 0, height: 0 };
  function smoothed(width, height) {
    gl.bindFramebuffer(gl.FRAMEBUFFER, smooth.target);
    if (smooth.width === width && smooth.height === height) return;
    smooth.width = width;
    smooth.height = height;
    [["color", gl.RGBA8, gl.COLOR_ATTACHMENT0], ["depth", gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT]].forEach(function (one) {
      gl.bindRenderbuffer(gl.RENDERBUFFER, smooth[one[0]]);
      gl.renderbufferStorageMultisample(gl.RENDERBUFFER, Math.min(4, gl.getParameter(gl.MAX_SAMPLES)), one[1], width, height);
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, one[2], gl.RENDERBUFFER, smooth[one[0]]);
    });
  }
  gl.bindTexture(gl.TEXTURE_2D, mask);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  function field(of, name, size, kind, normal, stride, offset, each) {
    var at = of.attribute(name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, normal, stride, offset);
    gl.vertexAttribDivisor(at, each || 0);
  }
  function buffer(values) {
    var made = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    return made;
  }
  /* The triangles of a layer, a quarter of them a level. */
  function prepared(number, level) {
    var key = number + "/" + level, layer = record.layers[number], surface = record.surfaces[layer.surface];
    if (layers[key]) return layers[key];
    surface.levels = surface.levels || [{ faces: surface.faces, origin: null, inner: surface.inner }];
    var shape = surface.levels[level] || (surface.levels[level] = coarser(surface, surface.faces.length / 3 / Math.pow(4, level)));
    if (!shape.buffer) shape.buffer = buffer(cornersOf(surface, shape.faces));
    var array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, shape.buffer);
    field(mesh, "place", 4, gl.UNSIGNED_SHORT, true, 8, 0);
    buffer(paint(layer, shape.faces, shape.origin));
    field(mesh, "color", 4, gl.UNSIGNED_BYTE, true, 4, 0);
    gl.bindVertexArray(null);
    return (layers[key] = { array: array, all: shape.faces.length / 3, inner: shape.inner });
  }
  function drawSurface(layer, found, state, camera, ratio) {
    var surface = record.surfaces[layer.surface];
    gl.enable(gl.CULL_FACE);
    gl.disable(gl.BLEND);
    mesh.use();
    gl.bindVertexArray(found.array);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, mask);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, 256, 1, 0, gl.RED, gl.UNSIGNED_BYTE, shown.map(function (on, label) {
      return on && lit && label < 255 && lit.indexOf(label) < 0 ? 128 : on;
    }));
    gl.uniformMatrix4fv(mesh.uniform("camera"), false, camera);
    gl.uniform3fv(mesh.uniform("low"), surface.low);
    gl.uniform3fv(mesh.uniform("span"), surface.span);
    gl.uniform3fv(mesh.uniform("paper"), state.paper.map(share));
    gl.uniform1f(mesh.uniform("top"), state.shell ? 1e9 : record.top);
    gl.uniform1f(mesh.uniform("hatch"), layer.key === "classes" ? 5 * ratio : 0);
    gl.uniform3fv(mesh.uniform("stripe"), record.stripe.map(share));
    gl.drawArrays(gl.TRIANGLES, 0, 3 * (state.shell ? found.all : found.inner));
    gl.disable(gl.CULL_FACE);
  }
  function drawPhotos(camera) {
    photo.use();
    gl.bindVertexArray(drawn.photos.array);
    gl.bindTexture(gl.TEXTURE_2D, drawn.photos.image);
    gl.uniformMatrix4fv(photo.uniform("camera"), false, camera);
    gl.drawArrays(gl.TRIANGLES, 0, drawn.photos.count);
  }
  function drawLines(state, camera, width, height, ratio) {
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    line.use();
    gl.uniformMatrix4fv(line.uniform("camera"), false, camera);
    gl.uniform2f(line.uniform("size"), width / 2, height / 2);
    [["path", state.camera, 1.4], ["frames", state.camera, 0.8], ["boxes", state.boxes, 1], ["chosen", true, 2], ["marks", true, 1.6]].forEach(function (one) {
      var found = drawn[one[0]];
      if (!found || !one[1] || !found.count) return;
      gl.bindVertexArray(found.array);
      gl.uniform1f(line.uniform("width"), one[2] * ratio);
      /* What lies behind something shows through it. */
      gl.disable(gl.DEPTH_TEST);
      gl.uniform1f(line.uniform("fade"), 0.3);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, found.count);
      gl.enable(gl.DEPTH_TEST);
      gl.uniform1f(line.uniform("fade"), 1);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, found.count);
    });
  }
  return {
    show: function (label, on) { shown[label] = on ? 255 : 0; },
    isShown: function (label) { return shown[label] > 0; },
    /* All classes but these fade; null: none does. */
    light: function (labels) { lit = labels; },
    /* segments: [begin, end, [red, green, blue, alpha]] */
    lines: function (name, segments) {
      var values = new Float32Array(10 * segments.length);
      segments.forEach(function (one, i) { values.set(one[0].concat(one[1], one[2]), 10 * i); });
      var array = gl.createVertexArray();
      gl.bindVertexArray(array);
      buffer(values);
      field(line, "begin", 3, gl.FLOAT, false, 40, 0, 1);
      field(line, "end", 3, gl.FLOAT, false, 40, 12, 1);
      field(line, "color", 4, gl.FLOAT, false, 40, 24, 1);
      drawn[name] = { array: array, count: segments.length };
    },
    photos: function (quads, atlas) {
      var array = gl.createVertexArray(), image = gl.createTexture();
      gl.bindVertexArray(array);
      buffer(new Float32Array(quads));
      field(photo, "place", 3, gl.FLOAT, false, 20, 0);
      field(photo, "uv", 2, gl.FLOAT, false, 20, 12);
      gl.bindTexture(gl.TEXTURE_2D, image);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, atlas);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      drawn.photos = { array: array, count: quads.length / 5, image: image };
    },
    /* Make what a coarser picture needs before it is wanted. */
    ready: function (panes, step) {
      panes.forEach(function (pane) { prepared(pane.layer, levelOf(record.surfaces[record.layers[pane.layer].surface], step)); });
    },
    /* Draws what each pane shows; gives the milliseconds that it took, and the triangles. */
    draw: function (state, panes, step) {
      var last = step && panes.some(function (pane) { return step >= coarsest(record.surfaces[record.layers[pane.layer].surface]); });
      var ratio = Math.min(2, window.devicePixelRatio || 1) * (last ? 0.5 : 1);
      var width = Math.max(1, Math.round(canvas.clientWidth * ratio)), height = Math.max(1, Math.round(canvas.clientHeight * ratio));
      if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
      var found = panes.map(function (pane) { return prepared(pane.layer, levelOf(record.surfaces[record.layers[pane.layer].surface], step)); });
      var begin = performance.now(), count = 0;
      if (step) gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      else smoothed(width, height);
      gl.enable(gl.DEPTH_TEST);
      gl.clearColor(share(state.paper[0]), share(state.paper[1]), share(state.paper[2]), 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      panes.forEach(function (pane, i) {
        var w = Math.round(pane.width * ratio), h = Math.round(pane.height * ratio), camera = matrix(pane.width / pane.height);
        gl.viewport(Math.round(pane.x * ratio), height - Math.round(pane.y * ratio) - h, w, h);
        drawSurface(record.layers[pane.layer], found[i], state, camera, ratio);
        if (state.camera && drawn.photos) drawPhotos(camera);
        drawLines(state, camera, w, h, ratio);
        count += state.shell ? found[i].all : found[i].inner;
      });
      gl.bindVertexArray(null);
      if (!step) {
        gl.bindFramebuffer(gl.READ_FRAMEBUFFER, smooth.target);
        gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
        gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
        gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      }
      /* A pixel that is read is there only when all is drawn. */
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
      return { ms: performance.now() - begin, triangles: count };
    }
  };
}
